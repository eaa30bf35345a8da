//! Runs one statement on the engine, on a blocking thread: plan first (pure), then a session of its own.
//!
//! Promises: one statement per request; a reader cannot write; an insert is acknowledged only after the engine committed
//! it, and a failed one is cancelled; what is streamed is the same bytes that a server would send.

use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

use crate::abi::{Analysis, Counts, Insert, Params};
use crate::body::{self, BodyError, Packing};
use crate::engine::{Engine, Session};
use crate::job::Job;
use crate::limits;
use crate::metrics::RequestKind;
use crate::prologue::Prologue;
use crate::reply::Failure;
use crate::statement::{self, Opens, Shape};

/// What to run.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) work: Work,
    /// The format of the result.
    pub(crate) format: String,
}

#[derive(Debug)]
pub(crate) enum Work {
    Statement {
        sql: String,
        opens: Opens,
    },
    Insert {
        head: String,
        format: String,
        /// Each piece of data with the place where it begins.
        data: Vec<(Vec<u8>, usize)>,
    },
}

/// The format of results for which nobody asked for one.
const FORMAT_DEFAULT: &str = "TabSeparated";

impl Plan {
    /// From the statement of the URL, the body behind it, and the format that the request asks for.
    ///
    /// # Errors
    /// For damaged or too large bodies and for statements that are never served.
    pub(crate) fn new(url: String, packing: Packing, body: Vec<u8>, format: Option<String>) -> Result<Self, Failure> {
        let body = body::unpack(packing, body, limits::BODY_BYTES_MAX).map_err(|error| match error {
            BodyError::TooLarge { .. } => Failure::too_large(error),
            BodyError::Damaged(_) => Failure::new(271, "CANNOT_DECOMPRESS", error),
            BodyError::Unknown(_) => Failure::bad_request(error),
        })?;
        let format = format.unwrap_or_else(|| FORMAT_DEFAULT.to_owned());
        if let Shape::Insert(insert) = shape(url.as_bytes())? {
            let (head, data_format, at) = (insert.head.to_owned(), insert.format.to_owned(), insert.data_at);
            let data = vec![(url.into_bytes(), at), (body, 0)];
            return Ok(Self { work: Work::Insert { head, format: data_format, data }, format });
        }
        let text = match (url.is_empty(), body.is_empty()) {
            (true, _) => body,
            (false, true) => url.into_bytes(),
            (false, false) => [url.as_bytes(), b"\n", &body].concat(),
        };
        match shape(&text)? {
            Shape::Insert(insert) => {
                let (head, data_format, at) = (insert.head.to_owned(), insert.format.to_owned(), insert.data_at);
                Ok(Self { work: Work::Insert { head, format: data_format, data: vec![(text, at)] }, format })
            }
            Shape::OnServerFiles => {
                Err(Failure::new(48, "NOT_IMPLEMENTED", "INTO OUTFILE and FROM INFILE are not allowed over HTTP"))
            }
            Shape::Other { format: own, opens } => {
                let format = own.map_or(format, str::to_owned);
                let sql = String::from_utf8(text)
                    .map_err(|_| Failure::new(62, "SYNTAX_ERROR", "the statement is not UTF-8"))?;
                if sql.trim().is_empty() {
                    return Err(Failure::new(62, "SYNTAX_ERROR", "Syntax error: the query is empty"));
                }
                Ok(Self { work: Work::Statement { sql, opens }, format })
            }
        }
    }

    pub(crate) fn kind(&self) -> RequestKind {
        match &self.work {
            Work::Insert { .. } => RequestKind::Insert,
            Work::Statement { opens: Opens::Select | Opens::Look, .. } => RequestKind::Read,
            Work::Statement { opens: Opens::Change, .. } => RequestKind::Write,
        }
    }
}

/// The shape of a text whose statement part is not too long.
fn shape(text: &[u8]) -> Result<Shape<'_>, Failure> {
    let looked_at = &text[..text.len().min(limits::STATEMENT_BYTES_MAX)];
    let shape = statement::shape(looked_at);
    let whole = match &shape {
        Shape::Insert(insert) => insert.data_at < looked_at.len(),
        Shape::OnServerFiles => true,
        Shape::Other { .. } => false,
    };
    if whole || looked_at.len() == text.len() {
        return Ok(shape);
    }
    Err(Failure::too_large(format!("the statement is longer than {} bytes", limits::STATEMENT_BYTES_MAX)))
}

/// Whether a statement may change something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rights {
    All,
    /// `GET`, or `readonly` in the URL: nothing is changed, settings may be.
    NoChange,
    /// A user who may only read: no settings inside the statement, no files, no other hosts.
    ReadOnly,
}

/// Everything around the statement.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) settings: Vec<(String, String)>,
    pub(crate) params: Vec<(String, String)>,
    pub(crate) database: Option<String>,
    pub(crate) rights: Rights,
}

/// How a reply begins.
#[derive(Debug)]
pub(crate) enum Begun {
    Whole { bytes: Vec<u8>, counts: Counts },
    Streamed { first: Vec<u8>, rest: mpsc::Receiver<Piece> },
}

/// What follows in a streamed reply. Without an `End` the reply failed.
#[derive(Debug)]
pub(crate) enum Piece {
    Data(Vec<u8>),
    Failed(Failure),
    End,
}

pub(crate) type Begin = oneshot::Sender<Result<Begun, Failure>>;

/// Runs the plan; `begin` learns how the reply begins or why it does not. Blocks.
pub(crate) fn execute(engine: &Engine, plan: Plan, frame: &Frame, job: &Job, runtime: &Handle, begin: Begin) {
    let session = prepare(engine, frame, job);
    let (mut session, work) = match session {
        Ok(session) => (session, plan.work),
        Err(failure) => {
            let _ = begin.send(Err(failure));
            return;
        }
    };
    match work {
        Work::Insert { head, format, data } => {
            let outcome = insert(&mut session, &head, &format, &data, frame, job);
            // The session is closed first: whoever reads the answer finds the table unlocked.
            drop(session);
            let _ = begin.send(outcome.map(|counts| Begun::Whole { bytes: Vec::new(), counts }));
        }
        Work::Statement { sql, opens } => statement(session, &sql, opens, &plan.format, frame, runtime, begin),
    }
}

fn prepare<'e>(engine: &'e Engine, frame: &Frame, job: &Job) -> Result<Session<'e>, Failure> {
    job.go_on()?;
    let closed = |(name, _): &&(String, String)| statement::setting_leaves_engine(name);
    if frame.rights == Rights::ReadOnly
        && let Some((name, _)) = frame.settings.iter().find(closed)
    {
        return Err(Failure::readonly(format!("Cannot modify '{name}' setting in readonly mode")));
    }
    let mut session = engine.session()?;
    session.set(&frame.settings)?;
    if let Some(database) = &frame.database {
        session.use_database(database)?;
    }
    job.go_on()?;
    Ok(session)
}

/// Data are handed over in pieces of this size, so that a kill is noticed between them.
const APPEND_BYTES: usize = 1024 * 1024;

fn insert(
    session: &mut Session<'_>,
    head: &str,
    format: &str,
    data: &[(Vec<u8>, usize)],
    frame: &Frame,
    job: &Job,
) -> Result<Counts, Failure> {
    if frame.rights != Rights::All {
        return Err(Failure::readonly("Cannot insert into a table in readonly mode"));
    }
    if format == "Values" && data.iter().any(|(bytes, at)| statement::goes_on_after_values(&bytes[*at..])) {
        return Err(Failure::new(33, "CANNOT_READ_ALL_DATA", "Cannot read data after semicolon"));
    }
    let mut insert = session.connection.insert(head, format, &frame.params);
    if let Some(error) = insert.error() {
        return Err(Failure::from_engine(&error));
    }
    match append(&mut insert, data, job) {
        Ok(()) => {
            let outcome = insert.done();
            outcome.error().map_or_else(|| Ok(outcome.counts()), |error| Err(Failure::from_engine(&error)))
        }
        Err(failure) => {
            insert.cancel();
            Err(failure)
        }
    }
}

fn append(insert: &mut Insert<'_>, data: &[(Vec<u8>, usize)], job: &Job) -> Result<(), Failure> {
    for (bytes, at) in data {
        for piece in bytes[*at..].chunks(APPEND_BYTES) {
            job.go_on()?;
            insert.append(piece).map_err(|error| Failure::from_engine(&error))?;
        }
    }
    Ok(())
}

fn statement(
    mut session: Session<'_>,
    sql: &str,
    opens: Opens,
    format: &str,
    frame: &Frame,
    runtime: &Handle,
    begin: Begin,
) {
    let streamed = Prologue::of(format).filter(|_| opens == Opens::Select);
    let limited = if streamed.is_some() { Ok(()) } else { limit_result(&mut session, frame) };
    if let Err(failure) = limited.and_then(|()| admit(&mut session, sql, frame.rights)) {
        let _ = begin.send(Err(failure));
        return;
    }
    match streamed {
        Some(prologue) => stream(session, sql, format, &frame.params, prologue, runtime, begin),
        None => {
            let outcome = whole(&mut session, sql, format, &frame.params);
            drop(session);
            let _ = begin.send(outcome);
        }
    }
}

/// Lets one statement through that these rights allow; takes the rest away from the session.
fn admit(session: &mut Session<'_>, sql: &str, rights: Rights) -> Result<(), Failure> {
    if rights == Rights::ReadOnly
        && let Some(reason) = statement::leaves_engine(sql)
    {
        return Err(Failure::readonly(reason));
    }
    let analysis = session
        .connection
        .classify(sql)
        .ok_or_else(|| Failure::engine("the engine could not look at the statement"))?;
    if analysis.statements == 0 {
        return Err(syntax_error(session, sql));
    }
    match decide(&analysis, rights)? {
        Some(level) => session.set(&[("readonly".to_owned(), level.to_owned())]),
        None => Ok(()),
    }
}

/// The parser's own words about a text that it cannot read. The engine would run the statements before the bad one, so
/// it gets the text without any rights, and what it does with it does not count.
fn syntax_error(session: &mut Session<'_>, sql: &str) -> Failure {
    let said = session.set(&[("readonly".to_owned(), "1".to_owned())]).and_then(|()| session.run(sql));
    match said {
        Err(failure) if failure.code == 62 => failure,
        _ => Failure::new(62, "SYNTAX_ERROR", "Syntax error: this is not one statement"),
    }
}

/// The `readonly` level under which a statement runs.
fn decide(analysis: &Analysis, rights: Rights) -> Result<Option<&'static str>, Failure> {
    if analysis.statements > 1 {
        return Err(Failure::new(62, "SYNTAX_ERROR", "Syntax error (Multi-statements are not allowed)"));
    }
    match rights {
        Rights::All => Ok(None),
        // The level alone lets some SYSTEM statements pass.
        Rights::NoChange | Rights::ReadOnly if !analysis.reads_only() => {
            Err(Failure::readonly("Cannot execute query in readonly mode: only statements that read are allowed here"))
        }
        Rights::NoChange => Ok(Some("2")),
        Rights::ReadOnly => Ok(Some("1")),
    }
}

/// A result that is held whole fails at [`limits::REPLY_BYTES_MAX`], unless the request sets a limit of its own.
fn limit_result(session: &mut Session<'_>, frame: &Frame) -> Result<(), Failure> {
    if frame.settings.iter().any(|(name, _)| name == "max_result_bytes") {
        return Ok(());
    }
    let limit = limits::REPLY_BYTES_MAX.to_string();
    session.set(&[("max_result_bytes".to_owned(), limit), ("result_overflow_mode".to_owned(), "throw".to_owned())])
}

fn whole(session: &mut Session<'_>, sql: &str, format: &str, params: &Params) -> Result<Begun, Failure> {
    let outcome = session.connection.query(sql, format, params);
    if let Some(error) = outcome.error() {
        return Err(Failure::from_engine(&error));
    }
    if outcome.bytes().len() > limits::REPLY_BYTES_MAX {
        let max = limits::REPLY_BYTES_MAX;
        return Err(Failure::new(
            396,
            "TOO_MANY_ROWS_OR_BYTES",
            format!(
                "the result has more than {max} bytes; ask for RowBinary, TabSeparated, JSONEachRow or Native, which are streamed"
            ),
        ));
    }
    Ok(Begun::Whole { bytes: outcome.bytes().to_vec(), counts: outcome.counts() })
}

fn stream(
    mut session: Session<'_>,
    sql: &str,
    format: &str,
    params: &Params,
    mut prologue: Prologue,
    runtime: &Handle,
    begin: Begin,
) {
    let mut stream = session.connection.stream(sql, format, params);
    let first = match stream.error() {
        Some(error) => Err(Failure::from_engine(&error)),
        None => {
            let piece = stream.fetch();
            match piece.error() {
                Some(error) => Err(Failure::from_engine(&error)),
                None => Ok(prologue.strip(piece.bytes()).to_vec()),
            }
        }
    };
    let first = match first {
        Ok(first) => first,
        Err(failure) => {
            let _ = begin.send(Err(failure));
            return;
        }
    };
    let (pieces, rest) = mpsc::channel(limits::REPLY_PIECES);
    let ended = first.is_empty();
    if begin.send(Ok(Begun::Streamed { first, rest })).is_err() {
        return;
    }
    // A client that takes nothing, or is gone, ends the statement: dropping the stream cancels it.
    let send = |piece| {
        runtime.block_on(async {
            tokio::time::timeout(limits::REPLY_STALL, pieces.send(piece)).await.is_ok_and(|sent| sent.is_ok())
        })
    };
    if ended {
        send(Piece::End);
        return;
    }
    loop {
        let piece = stream.fetch();
        if let Some(error) = piece.error() {
            send(Piece::Failed(Failure::from_engine(&error)));
            return;
        }
        if piece.bytes().is_empty() {
            send(Piece::End);
            return;
        }
        if !send(Piece::Data(prologue.strip(piece.bytes()).to_vec())) {
            return;
        }
    }
}

#[cfg(test)]
mod tests;
