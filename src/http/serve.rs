//! Taking connections, and ending them.

use std::{io, time::Duration};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};
use tower::ServiceExt;

use super::Transport;

/// A connection that sends no whole head of a request for so long is closed, so that slow ones cannot
/// hold all places.
const HEAD_WITHIN: Duration = Duration::from_secs(30);
/// Enough for a token of 8 kB and the rest.
const HEAD_MAX_BYTES: usize = 32 << 10;
const HEADERS_MAX: usize = 64;
/// After an error of the listener, such as too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

pub(super) async fn serve(transport: Transport, router: Router, listener: TcpListener) -> io::Result<()> {
    let shared = transport.0.clone();
    let places = std::sync::Arc::new(Semaphore::new(shared.config.http.connections as usize));
    loop {
        let place = tokio::select! {
            () = shared.stop.cancelled() => break,
            place = places.clone().acquire_owned() => place.map_err(io::Error::other)?,
        };
        let stream = tokio::select! {
            () = shared.stop.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(error = error.to_string(), "A connection could not be taken.");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            },
        };
        let (router, stop) = (router.clone(), shared.stop.clone());
        shared.open.spawn(async move {
            metrics::gauge!("gangway_connections").increment(1);
            connection(stream, router, stop).await;
            metrics::gauge!("gangway_connections").decrement(1);
            drop(place);
        });
    }
    drop(listener);
    shared.open.close();
    let grace = shared.config.server.shutdown_grace;
    if tokio::time::timeout(grace, shared.open.wait()).await.is_err() {
        tracing::warn!(count = shared.open.len(), "Connections were still open after the grace period.");
    }
    Ok(())
}

async fn connection(stream: TcpStream, router: axum::Router, stop: tokio_util::sync::CancellationToken) {
    // Answers are small and whole: nothing is gained by waiting for more.
    _ = stream.set_nodelay(true);
    let service =
        TowerToHyperService::new(router.map_request(|request: hyper::Request<_>| request.map(axum::body::Body::new)));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WITHIN)
        .max_buf_size(HEAD_MAX_BYTES)
        .max_headers(HEADERS_MAX)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(error = error.to_string(), "A connection broke off.");
    }
}
