//! ClickHouse's HTTP interface: from a connection to a reply.
//!
//! Promises: nothing runs before the password is right; a body is whole, unpacked and checked before the engine sees any
//! of it; a statement whose client leaves is killed; every wait has an end.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use rand::RngExt;
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use crate::access::Users;
use crate::engine::Engine;
use crate::execution::{self, Begun, Frame, Plan, Rights};
use crate::job::Jobs;
use crate::limits;
use crate::metrics::{Counters, RequestKind};
use crate::multipart;
use crate::reply::{self, Failure};
use crate::request::Query;
use crate::slots::Slots;
use crate::stream_body::{ReplyBody, Streamed};

/// Everything that a request needs. Shared by all connections.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) engine: Arc<Engine>,
    pub(crate) users: Users,
    pub(crate) jobs: Jobs,
    pub(crate) counters: Counters,
    pub(crate) slots: Slots,
    /// `max_memory_usage` of a statement that names none.
    pub(crate) statement_memory_bytes: u64,
    /// `max_threads_min_free_memory_per_thread` of a statement that names none.
    pub(crate) thread_memory_bytes: u64,
}

/// Open requests get this long to end by themselves when the process stops; then their connections are dropped.
const GRACE: Duration = Duration::from_secs(2);

/// Serves until the token is cancelled, then lets the connections go.
pub(crate) async fn serve(listener: TcpListener, server: Arc<Server>, token: CancellationToken) {
    let places = Arc::new(Semaphore::new(limits::CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { break };
        let stream = tokio::select! {
            () = token.cancelled() => break,
            // Ended connections are taken out, so that the set stays as small as the number of open ones.
            Some(_) = connections.join_next() => continue,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(%error, "accept failed");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            },
        };
        let _ = stream.set_nodelay(true);
        let (server, token) = (Arc::clone(&server), token.clone());
        connections.spawn(async move {
            server.counters.connections.inc();
            connection(TokioIo::new(stream), &server, &token).await;
            server.counters.connections.dec();
            drop(place);
        });
    }
    connections.shutdown_after(GRACE).await;
}

async fn connection(stream: TokioIo<tokio::net::TcpStream>, server: &Arc<Server>, token: &CancellationToken) {
    let service = service_fn(|request| async move { Ok::<_, Infallible>(server.answer(request).await) });
    let mut connection = std::pin::pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits::HEAD_TIMEOUT)
            .max_headers(limits::HEADERS_MAX)
            .max_buf_size(limits::HEAD_BYTES_MAX)
            .serve_connection(stream, service)
    );
    tokio::select! {
        ended = &mut connection => {
            if let Err(error) = ended {
                tracing::debug!(%error, "connection ended");
            }
            return;
        }
        () = token.cancelled() => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

trait ShutdownAfter {
    /// Waits for all tasks, at most `grace`, then drops what is left.
    async fn shutdown_after(self, grace: Duration);
}

impl ShutdownAfter for JoinSet<()> {
    async fn shutdown_after(mut self, grace: Duration) {
        let _ = timeout(grace, async { while self.join_next().await.is_some() {} }).await;
        self.shutdown().await;
    }
}

impl Server {
    async fn answer(&self, request: Request<Incoming>) -> Response<ReplyBody> {
        match request.uri().path() {
            "/ping" | "/replicas_status" => return text(StatusCode::OK, "Ok.\n"),
            "" | "/" => {}
            _ => return text(StatusCode::NOT_FOUND, "There is /, /ping and /replicas_status here.\n"),
        }
        let began = Instant::now();
        let reads = matches!(*request.method(), Method::GET | Method::HEAD);
        if reads && request.uri().query().is_none() {
            return text(StatusCode::OK, "Ok.\n");
        }
        let mut seen = Seen { kind: RequestKind::Refused, query_id: String::new() };
        let mut response = match self.query(request, &mut seen).await {
            Ok(response) => {
                self.counters.request(seen.kind, "ok", began.elapsed().as_secs_f64());
                response
            }
            Err(failure) => {
                self.counters.request(seen.kind, failure_class(&failure), began.elapsed().as_secs_f64());
                tracing::debug!(code = failure.code, kind = ?seen.kind, "request failed");
                failed(&failure)
            }
        };
        let headers = response.headers_mut();
        if !seen.query_id.is_empty() {
            put(headers, "x-clickhouse-query-id", &seen.query_id);
        }
        put(headers, "x-clickhouse-timezone", self.engine.zone());
        put(headers, "x-clickhouse-server-display-name", "embedded-clickhouse");
        response
    }

    async fn query(&self, request: Request<Incoming>, seen: &mut Seen) -> Result<Response<ReplyBody>, Failure> {
        let (head, body) = request.into_parts();
        if !matches!(head.method, Method::GET | Method::HEAD | Method::POST) {
            return Err(Failure::bad_request(format!("method {} is not served, use GET or POST", head.method)));
        }
        let mut query = Query::parse(&head.method, head.uri.query().unwrap_or_default(), &head.headers)?;
        let Some(user) = self.users.check(&query.credentials) else {
            tokio::time::sleep(limits::LOGIN_PENALTY).await;
            return Err(Failure::login());
        };
        let (mut body, held) = self.collect(body).await?;
        if let Some(boundary) = query.multipart.take() {
            multipart::fields(&mut query, boundary, std::mem::take(&mut body)).await?;
        }
        seen.query_id = query.query_id.take().unwrap_or_else(random_id);
        let rights = match (user.readonly, query.method_reads_only || query.asks_readonly) {
            (true, _) => Rights::ReadOnly,
            (false, true) => Rights::NoChange,
            (false, false) => Rights::All,
        };
        let (packing, format, sql) = (query.packing, query.format, query.sql);
        let plan = tokio::task::spawn_blocking(move || Plan::new(sql, packing, body, format)).await;
        let plan = plan.map_err(|_| Failure::engine("reading the request failed"))??;
        seen.kind = plan.kind();
        let (kind, format) = (seen.kind, plan.format.clone());

        let slot = self.slots.take(kind).await?;
        let began = Instant::now();
        let watched = self.jobs.begin(&seen.query_id);
        let (settings, time) = self.settings(query.settings, &watched.job.comment);
        let frame = Frame { settings, params: query.params, database: query.database, rights };
        let (begin, begun) = oneshot::channel();
        let (engine, job, runtime) = (Arc::clone(&self.engine), Arc::clone(&watched.job), Handle::current());
        tokio::task::spawn_blocking(move || {
            execution::execute(&engine, plan, &frame, &job, &runtime, begin);
            job.end();
            drop((slot, held));
        });
        let begun = match timeout(time, begun).await {
            Ok(Ok(Ok(begun))) => begun,
            Ok(Ok(Err(failure))) => {
                watched.job.end();
                return Err(failure);
            }
            Ok(Err(_)) => return Err(Failure::engine("the statement ended without an answer")),
            // Dropping `watched` sends the statement to the killer.
            Err(_) => return Err(Failure::timeout()),
        };

        let mut response = Response::new(ReplyBody::Whole(Bytes::new()));
        let headers = response.headers_mut();
        match begun {
            Begun::Whole { bytes, counts } => {
                watched.job.end();
                if kind == RequestKind::Insert {
                    self.counters.inserted_rows.inc_by(counts.written_rows);
                }
                put(headers, "x-clickhouse-summary", &reply::summary(&counts, bytes.len(), began.elapsed().as_nanos()));
                if !bytes.is_empty() {
                    put(headers, "x-clickhouse-format", &format);
                    put(headers, CONTENT_TYPE.as_str(), reply::content_type(&format));
                }
                let packed = query.reply_blocks && !bytes.is_empty();
                let bytes = if packed { crate::body::pack_block(&bytes) } else { bytes };
                *response.body_mut() = ReplyBody::Whole(Bytes::from(bytes));
            }
            Begun::Streamed { first, rest } => {
                let tag = reply::exception_tag();
                put(headers, "x-clickhouse-exception-tag", &tag);
                put(headers, "x-clickhouse-format", &format);
                put(headers, CONTENT_TYPE.as_str(), reply::content_type(&format));
                let blocks = query.reply_blocks;
                let watched = Some(watched);
                *response.body_mut() =
                    ReplyBody::Streamed(Streamed { first: Bytes::from(first), rest, tag, blocks, watched });
            }
        }
        Ok(response)
    }

    /// Reads a whole body; the permits stand for its bytes.
    async fn collect(&self, mut body: Incoming) -> Result<(Vec<u8>, Vec<OwnedSemaphorePermit>), Failure> {
        let too_large = || Failure::too_large(format!("the body is longer than {} bytes", limits::BODY_BYTES_MAX));
        if hyper::body::Body::size_hint(&body).lower() > limits::BODY_BYTES_MAX as u64 {
            return Err(too_large());
        }
        let deadline = Instant::now() + limits::BODY_TIMEOUT;
        let (mut bytes, mut held, mut paid_kib) = (Vec::new(), Vec::new(), 0);
        loop {
            let pause = limits::BODY_PAUSE.min(deadline.saturating_duration_since(Instant::now()));
            let piece = match timeout(pause, body.frame()).await {
                Err(_) => return Err(Failure::new(209, "SOCKET_TIMEOUT", "the body did not arrive in time")),
                Ok(None) => return Ok((bytes, held)),
                // The client gave up: nothing of this insert was handed to the engine yet.
                Ok(Some(Err(error))) => {
                    return Err(Failure::new(210, "NETWORK_ERROR", format!("the body ended early: {error}")));
                }
                Ok(Some(Ok(piece))) => piece,
            };
            let Ok(data) = piece.into_data() else { continue };
            if bytes.len() + data.len() > limits::BODY_BYTES_MAX {
                return Err(too_large());
            }
            bytes.extend_from_slice(&data);
            let due_kib = bytes.len().div_ceil(1024);
            held.push(self.slots.hold_kib(due_kib - paid_kib)?);
            paid_kib = due_kib;
        }
    }

    /// The settings of one statement with our defaults, and how long to wait for it.
    fn settings(&self, asked: Vec<(String, String)>, comment: &str) -> (Vec<(String, String)>, Duration) {
        let mut settings = vec![
            ("max_execution_time".to_owned(), limits::EXECUTION_SECONDS.to_string()),
            ("max_memory_usage".to_owned(), self.statement_memory_bytes.to_string()),
            ("max_threads_min_free_memory_per_thread".to_owned(), self.thread_memory_bytes.to_string()),
            // The embedded engine has no queue for asynchronous inserts; a server behaves the same with this.
            ("async_insert".to_owned(), "0".to_owned()),
        ];
        let mut seconds = limits::EXECUTION_SECONDS;
        for (name, mut value) in asked {
            if name == "max_execution_time"
                && let Ok(wanted) = value.parse::<f64>()
            {
                let max = limits::EXECUTION_SECONDS_MAX;
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "between 0 and the maximum"
                )]
                let wanted = if wanted > 0.0 && wanted < max as f64 { wanted.ceil() as u64 } else { max };
                seconds = wanted;
                if wanted == max {
                    value = max.to_string();
                }
            }
            settings.retain(|(known, _)| *known != name);
            settings.push((name, value));
        }
        settings.retain(|(name, _)| name != "log_comment");
        settings.push(("log_comment".to_owned(), comment.to_owned()));
        (settings, Duration::from_secs(seconds) + limits::EXECUTION_GRACE)
    }
}

/// What is known of a request, also when it fails.
struct Seen {
    kind: RequestKind,
    query_id: String,
}

fn failure_class(failure: &Failure) -> &'static str {
    match failure.status() {
        StatusCode::FORBIDDEN => "forbidden",
        StatusCode::REQUEST_TIMEOUT => "timeout",
        StatusCode::SERVICE_UNAVAILABLE => "busy",
        StatusCode::PAYLOAD_TOO_LARGE => "too_large",
        status if status.is_client_error() => "client_error",
        _ => "error",
    }
}

fn failed(failure: &Failure) -> Response<ReplyBody> {
    let mut response = text(failure.status(), &format!("{}\n", failure.text));
    put(response.headers_mut(), "x-clickhouse-exception-code", &failure.code.to_string());
    response
}

fn text(status: StatusCode, body: &str) -> Response<ReplyBody> {
    let mut response = Response::new(ReplyBody::Whole(Bytes::copy_from_slice(body.as_bytes())));
    *response.status_mut() = status;
    put(response.headers_mut(), CONTENT_TYPE.as_str(), "text/plain; charset=UTF-8");
    response
}

/// A value that cannot stand in a header is left out.
fn put(headers: &mut HeaderMap, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(HeaderName::from_static(name), value);
    }
}

fn random_id() -> String {
    let random: u128 = rand::rng().random();
    let hex = format!("{random:032x}");
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}
