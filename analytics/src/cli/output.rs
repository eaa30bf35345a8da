//! Standard output and the files that a command line names.

use std::io::{Read as _, Write};
use std::path::Path;

use service::exit::{Exit, Failure, OrExit};

use crate::read::ReadError;

pub(super) fn print_json(value: &impl serde::Serialize) -> Result<Exit, Failure> {
    let mut json = serde_json::to_vec_pretty(value).or_exit(Exit::Bug)?;
    json.push(b'\n');
    print(&json)
}

/// A closed pipe (`| head`) ends the output, not with an error.
pub(super) fn print(bytes: &[u8]) -> Result<Exit, Failure> {
    match std::io::stdout().lock().write_all(bytes) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error).or_exit(Exit::Unavailable),
        _ => Ok(Exit::Done),
    }
}

/// To a file, which is there whole or not at all, or to standard output.
pub(super) fn write(to: Option<&Path>, bytes: &[u8]) -> Result<Exit, Failure> {
    let Some(path) = to else { return print(bytes) };
    let mut beside = path.as_os_str().to_owned();
    beside.push(".part");
    let done = std::fs::write(&beside, bytes).and_then(|()| std::fs::rename(&beside, path));
    done.map_err(|error| format!("write {}: {error}", path.display())).or_exit(Exit::Unavailable)?;
    Ok(Exit::Done)
}

pub(super) fn warn(text: &str) {
    let _ = writeln!(std::io::stderr(), "warning: {text}");
}

/// A file, or with `-` standard input.
pub(super) fn read(input: &Path, bytes_max: u64) -> Result<String, Failure> {
    let attempt = || {
        let mut text = String::new();
        let bytes = if input.as_os_str() == "-" {
            std::io::stdin().lock().take(bytes_max + 1).read_to_string(&mut text)?
        } else {
            std::fs::File::open(input)?.take(bytes_max + 1).read_to_string(&mut text)?
        };
        if u64::try_from(bytes).is_ok_and(|bytes| bytes > bytes_max) {
            return Err(std::io::Error::other(format!("more than {bytes_max} bytes; split the file")));
        }
        Ok(text)
    };
    attempt().map_err(|error| format!("read {}: {error}", input.display())).or_exit(Exit::Config)
}

pub(super) fn failed(error: ReadError) -> Failure {
    Failure::new(exit_of(&error), error)
}

pub(super) fn exit_of(error: &ReadError) -> Exit {
    match error {
        ReadError::NotATenant(_) => Exit::Config,
        ReadError::Ask { .. } | ReadError::Slow { .. } | ReadError::TooMany { .. } => Exit::Unavailable,
    }
}
