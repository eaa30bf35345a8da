//! The fields of a `multipart/form-data` body: statement and parameters, as the clickhouse crate sends them.

use std::convert::Infallible;

use bytes::Bytes;

use crate::reply::Failure;
use crate::request::Query;

/// Takes the fields of a multipart body, as the clickhouse crate sends parameters.
pub(crate) async fn fields(query: &mut Query, boundary: String, body: Vec<u8>) -> Result<(), Failure> {
    let damaged = |error| Failure::bad_request(format!("the multipart body cannot be read: {error}"));
    let stream = futures_util::stream::once(async move { Ok::<_, Infallible>(Bytes::from(body)) });
    let mut parts = multer::Multipart::new(stream, boundary);
    while let Some(part) = parts.next_field().await.map_err(damaged)? {
        let name = part.name().unwrap_or_default().to_owned();
        if part.file_name().is_some() {
            return Err(Failure::new(48, "NOT_IMPLEMENTED", "external tables are not supported"));
        }
        let value = part.bytes().await.map_err(damaged)?;
        let value = String::from_utf8(value.to_vec())
            .map_err(|_| Failure::bad_request(format!("the field {name:?} is not UTF-8")))?;
        query.field(name, value)?;
    }
    Ok(())
}
