//! Owns the listeners of a node: that their addresses parse, differ, and are safe to open.

use std::net::{IpAddr, SocketAddr};

use super::document::Node;
use super::problem::Problem;

/// One listener: where it is in the config and where it listens.
struct Listener {
    pointer: &'static str,
    address: SocketAddr,
}

/// The addresses of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Addresses {
    /// For Redis clients.
    pub(crate) resp: SocketAddr,
    /// For HTTP.
    pub(crate) http: SocketAddr,
    /// For Redis clients of one core each, in the order of the cores; empty for none.
    pub(crate) resp_cores: Vec<SocketAddr>,
}

/// Checks and returns the addresses; `None` when one does not parse.
pub(crate) fn check(
    node: &Node,
    core_count: usize,
    has_password: bool,
    problems: &mut Vec<Problem>,
) -> Option<Addresses> {
    let resp = parse("/nodes/0/resp", &node.resp, problems);
    let http = parse("/nodes/0/http", &node.http, problems);
    for (pointer, address) in [("/nodes/0/resp", resp), ("/nodes/0/http", http)] {
        if let Some(address) = address {
            check_open(pointer, address, has_password, problems);
        }
    }
    let resp_cores = resp.map(|resp| core_addresses(node.resp_cores, resp, core_count, problems));
    let (resp, http, resp_cores) = (resp?, http?, resp_cores?);
    let mut listeners = vec![
        Listener { pointer: "/nodes/0/resp", address: resp },
        Listener { pointer: "/nodes/0/http", address: http },
    ];
    listeners.extend(
        resp_cores
            .iter()
            .map(|address| Listener { pointer: "/nodes/0/resp_cores", address: *address }),
    );
    check_distinct(&listeners, problems);
    Some(Addresses { resp, http, resp_cores })
}

fn parse(pointer: &str, text: &str, problems: &mut Vec<Problem>) -> Option<SocketAddr> {
    match text.parse::<SocketAddr>() {
        Ok(address) if address.port() == 0 => {
            problems.push(Problem::at(
                pointer,
                format!("{text:?} leaves the port open"),
                "give a port that clients can know",
            ));
            None
        }
        Ok(address) => Some(address),
        Err(_) => {
            problems.push(Problem::at(
                pointer,
                format!("{text:?} is no address"),
                "give an IP address and a port, such as 127.0.0.1:7379 or [::1]:7379",
            ));
            None
        }
    }
}

fn check_open(pointer: &str, address: SocketAddr, has_password: bool, problems: &mut Vec<Problem>) {
    if !has_password && !address.ip().to_canonical().is_loopback() {
        problems.push(Problem::at(
            pointer,
            format!("{address} can be reached from other machines and there is no password"),
            "set /settings/auth/password_hash (`hyperiond hash-password` makes one) or listen on 127.0.0.1",
        ));
    }
}

fn core_addresses(
    first_port: u16,
    resp: SocketAddr,
    core_count: usize,
    problems: &mut Vec<Problem>,
) -> Vec<SocketAddr> {
    if first_port == 0 {
        return Vec::new();
    }
    let last_port = usize::from(first_port) + core_count.max(1) - 1;
    let Ok(last_port) = u16::try_from(last_port) else {
        problems.push(Problem::at(
            "/nodes/0/resp_cores",
            format!("{core_count} cores from port {first_port} on end past port 65535"),
            "give a lower first port",
        ));
        return Vec::new();
    };
    (first_port..=last_port).take(core_count).map(|port| SocketAddr::new(resp.ip(), port)).collect()
}

fn check_distinct(listeners: &[Listener], problems: &mut Vec<Problem>) {
    for (index, listener) in listeners.iter().enumerate() {
        let clash = listeners[..index].iter().find(|other| {
            other.address.port() == listener.address.port()
                && overlap(other.address.ip(), listener.address.ip())
        });
        if let Some(other) = clash {
            problems.push(Problem::at(
                listener.pointer,
                format!("port {} is taken by {} already", listener.address.port(), other.pointer),
                "give each listener a port of its own; each core takes one from resp_cores on",
            ));
        }
    }
}

fn overlap(left: IpAddr, right: IpAddr) -> bool {
    left == right || left.is_unspecified() || right.is_unspecified()
}
