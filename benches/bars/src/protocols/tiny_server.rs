//! Owns the server of HTTP/1.1 by tiny_http: its own threads for the sockets, one thread that answers.

use std::error::Error;
use std::net::SocketAddr;
use std::thread;

use tiny_http::{Request, Response, Server};

use super::Way;

/// Serves until the end.
pub(super) fn serve(
    say_address: impl Fn(SocketAddr),
    wait_for_the_end: impl Fn(),
) -> Result<(), Box<dyn Error>> {
    let server = Server::http("127.0.0.1:0").map_err(|error| error.to_string())?;
    let address = server.server_addr().to_ip().ok_or("it listens on TCP")?;
    thread::spawn(move || {
        for request in server.incoming_requests() {
            if let Err(error) = answer(request) {
                eprintln!("bars: {error}");
            }
        }
    });
    say_address(address);
    wait_for_the_end();
    Ok(())
}

fn answer(mut request: Request) -> std::io::Result<()> {
    let mut body = Vec::with_capacity(request.body_length().unwrap_or(0));
    request.as_reader().read_to_end(&mut body)?;
    if request.url() == Way::RoundTrip.path() {
        // Its length is known: no chunks.
        request.respond(Response::from_data(body).with_chunked_threshold(usize::MAX))
    } else {
        request.respond(Response::empty(204))
    }
}
