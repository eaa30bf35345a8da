//! The body of a reply: whole, or in pieces as the engine makes them.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::sync::mpsc;

use crate::body::pack_block;
use crate::execution::Piece;
use crate::job::Watched;
use crate::reply::{Failure, exception_block};

/// What hyper sends. Dropped before its end, it kills the statement behind it.
#[derive(Debug)]
pub(crate) enum ReplyBody {
    Whole(Bytes),
    Streamed(Streamed),
}

#[derive(Debug)]
pub(crate) struct Streamed {
    pub(crate) first: Bytes,
    pub(crate) rest: mpsc::Receiver<Piece>,
    /// Announced in the header; marks an error after the beginning.
    pub(crate) tag: String,
    /// `compress=1`: every piece is a native block.
    pub(crate) blocks: bool,
    /// Taken away at the end, so that only an unfinished statement is killed.
    pub(crate) watched: Option<Watched>,
}

impl Streamed {
    fn pack(&self, bytes: Bytes) -> Bytes {
        if self.blocks { Bytes::from(pack_block(&bytes)) } else { bytes }
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if !self.first.is_empty() {
            let first = std::mem::take(&mut self.first);
            return Poll::Ready(Some(self.pack(first)));
        }
        if self.watched.is_none() {
            return Poll::Ready(None);
        }
        let failure = match self.rest.poll_recv(context) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Some(Piece::Data(bytes))) => return Poll::Ready(Some(self.pack(Bytes::from(bytes)))),
            Poll::Ready(Some(Piece::End)) => None,
            Poll::Ready(Some(Piece::Failed(failure))) => Some(failure),
            Poll::Ready(None) => Some(Failure::timeout()),
        };
        if let Some(watched) = self.watched.take() {
            watched.job.end();
        }
        Poll::Ready(failure.map(|failure| self.pack(Bytes::from(exception_block(&self.tag, &failure)))))
    }
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let next = match &mut *self {
            Self::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Whole(bytes) => Poll::Ready(Some(std::mem::take(bytes))),
            Self::Streamed(streamed) => streamed.poll(context),
        };
        next.map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.is_empty(),
            Self::Streamed(streamed) => streamed.first.is_empty() && streamed.watched.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Streamed(_) => SizeHint::default(),
        }
    }
}
