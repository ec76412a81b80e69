//! Owns `hyperiond resolve`: a person decides a conflict of the node that runs here, and waits for what comes of it.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::config;

/// How long a call may take, how long the node may take to serve, and how often that is looked at.
const CALL_TIME: Duration = Duration::from_secs(5);
const SERVE_TIME: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_millis(100);
/// The longest answer that is read.
const ANSWER_BYTES_MAX: u64 = 4 << 20;
/// Where the password is found that HTTP asks for, if it does.
const PASSWORD: &str = "HYPERION_PASSWORD";

/// Tells the node whose config is to be in force, and waits until it serves. Gives what to print.
///
/// Errors: a sentence.
pub(crate) fn resolve(
    path: &Path,
    data: &Path,
    name: Option<&str>,
    take: &str,
) -> Result<String, String> {
    let address = config::http_address(path, data, name).map_err(|error| error.to_string())?;
    let body = format!("{{\"take\": \"{take}\"}}");
    let (status, answer) = call(address, "POST", "/config/conflict", &body).map_err(|error| {
        format!(
            "the node does not answer at {address}: {error}; start it, it has to ask the cluster"
        )
    })?;
    match status {
        202 => {}
        401 => return Err(format!("the node wants a password; give it in {PASSWORD}")),
        _ => return Err(first_problem(&answer)),
    }
    let deadline = Instant::now() + SERVE_TIME;
    let mut last = "it does not answer".to_owned();
    while Instant::now() < deadline {
        sleep(LOOK);
        // It may be starting anew.
        let Ok((status, answer)) = call(address, "GET", "/health", "") else { continue };
        if status == 200 {
            return Ok(format!(
                "resolved: the node at {address} serves, with the config that {}",
                whose(take)
            ));
        }
        last = answer["status"].as_str().unwrap_or("it does not say why").to_owned();
        if last.contains(UNDONE) {
            return Err(last);
        }
    }
    Err(format!("the node does not serve after {} s: {last}", SERVE_TIME.as_secs()))
}

/// How the node says that a decision breaks the rules.
pub(crate) const UNDONE: &str = "what was decided cannot be done";

fn whose(take: &str) -> &'static str {
    if take == "mine" { "its file had" } else { "the cluster has" }
}

fn first_problem(answer: &Value) -> String {
    let problem = &answer["errors"][0];
    let text = |field: &str| problem[field].as_str().unwrap_or_default().to_owned();
    format!("{}; {}", text("problem"), text("hint"))
}

fn call(address: SocketAddr, method: &str, path: &str, body: &str) -> io::Result<(u16, Value)> {
    let to = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    let mut stream = TcpStream::connect_timeout(&SocketAddr::new(to, address.port()), CALL_TIME)?;
    stream.set_read_timeout(Some(CALL_TIME))?;
    stream.set_write_timeout(Some(CALL_TIME))?;
    let password = std::env::var(PASSWORD)
        .map_or_else(|_| String::new(), |password| format!("Authorization: Bearer {password}\r\n"));
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: node\r\nConnection: close\r\nContent-Length: {length}\r\n{password}\r\n{body}"
    );
    stream.write_all(request.as_bytes())?;
    let mut bytes = Vec::new();
    stream.take(ANSWER_BYTES_MAX).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let status = text.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.ok_or_else(|| io::Error::other("this is no answer of HTTP"))?;
    let body = text.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    Ok((status, serde_json::from_str(body).unwrap_or_default()))
}
