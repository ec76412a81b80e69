//! Owns the server of HTTP/1.1 by hyper on one thread of tokio.

use std::convert::Infallible;
use std::error::Error;
use std::net::SocketAddr;
use std::thread;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use super::Way;

/// Serves until the end.
pub(super) fn serve(
    say_address: impl Fn(SocketAddr) + Send + 'static,
    wait_for_the_end: impl Fn(),
) -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    thread::spawn(move || {
        if let Err(error) = runtime.block_on(accept(say_address)) {
            eprintln!("bars: {error}");
        }
    });
    wait_for_the_end();
    Ok(())
}

async fn accept(say_address: impl Fn(SocketAddr)) -> std::io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    say_address(listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(async move {
            let served = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service_fn(answer))
                .await;
            if let Err(error) = served {
                eprintln!("bars: {error}");
            }
        });
    }
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let is_echo = request.uri().path() == Way::RoundTrip.path();
    let Ok(body) = request.into_body().collect().await else {
        return Ok(with_status(StatusCode::BAD_REQUEST));
    };
    if is_echo {
        Ok(Response::new(Full::new(body.to_bytes())))
    } else {
        drop(body.to_bytes());
        Ok(with_status(StatusCode::NO_CONTENT))
    }
}

fn with_status(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::new()));
    *response.status_mut() = status;
    response
}
