//! One loop for all small servers of the world: takes connections until it is told to stop.

use std::future::Future;

use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

/// Serves each connection in a task of its own, which ends with the token at the latest. `serve` returns `None` for a
/// connection that is to be refused.
pub async fn accept<F>(listener: TcpListener, token: CancellationToken, mut serve: impl FnMut(TcpStream) -> Option<F>)
where
    F: Future<Output = ()> + Send + 'static,
{
    loop {
        let stream = tokio::select! {
            () = token.cancelled() => return,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(_) => continue,
            },
        };
        if let Some(served) = serve(stream) {
            let token = token.clone();
            tokio::spawn(async move {
                tokio::select! {
                    () = token.cancelled() => {}
                    () = served => {}
                }
            });
        }
    }
}
