//! Owns the listeners of one node: that their addresses parse, differ, and are safe to open.

use std::net::{IpAddr, SocketAddr};

use super::document::{Config, Node};
use super::problem::Problem;
use super::settings::Auth;

/// One listener: where it is in the config and where it listens.
#[derive(Debug, Clone)]
pub(super) struct Listener {
    pub(super) pointer: String,
    pub(super) address: SocketAddr,
}

/// The addresses of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addresses {
    /// For Redis clients.
    pub resp: SocketAddr,
    /// For HTTP.
    pub http: SocketAddr,
    /// For the other nodes.
    pub peer: SocketAddr,
    /// For Redis clients of one core each, in the order of the cores; empty for none.
    pub resp_cores: Vec<SocketAddr>,
    /// For Redis clients that speak TLS.
    pub resp_tls: Option<SocketAddr>,
    /// For HTTP with TLS.
    pub http_tls: Option<SocketAddr>,
    /// For clients of memcached.
    pub memcached: Option<SocketAddr>,
}

/// What the addresses of a node are held against.
#[derive(Debug, Clone, Copy)]
pub(super) struct Measure<'a> {
    pub(super) core_count: usize,
    pub(super) auth: &'a Auth,
    /// Whether clients without a certificate are kept out where TLS is spoken.
    pub(super) keeps_strangers_out: bool,
    /// Whether other nodes and their clients have to reach this one.
    pub(super) in_cluster: bool,
}

/// Checks and returns the addresses of the node at `place`; `None` when one does not parse.
pub(super) fn check(
    place: &str,
    node: &Node,
    measure: Measure<'_>,
    problems: &mut Vec<Problem>,
) -> Option<Addresses> {
    let at = |field: &str| format!("{place}/{field}");
    let resp = parse(&at("resp"), &node.resp, problems);
    let http = parse(&at("http"), &node.http, problems);
    let peer = parse(&at("peer"), node.peer(), problems);
    let memcached = node.memcached.as_ref().map(|text| parse(&at("memcached"), text, problems));
    let opens = [(at("resp"), resp), (at("http"), http), (at("memcached"), memcached.flatten())];
    for (pointer, address) in opens {
        if let Some(address) = address {
            check_open(&pointer, address, measure.auth, problems);
        }
    }
    let mut secured = |field: &str, text: &Option<String>| {
        let address = parse(&at(field), text.as_deref()?, problems)?;
        if !measure.keeps_strangers_out {
            check_open(&at(field), address, measure.auth, problems);
        }
        Some(address)
    };
    let resp_tls = secured("resp_tls", &node.resp_tls);
    let http_tls = secured("http_tls", &node.http_tls);
    if let Some(peer) = peer {
        check_peer_open(&at("peer"), peer, measure.auth, problems);
    }
    if measure.in_cluster {
        for (pointer, address) in
            [(at("resp"), resp), (at("peer"), peer), (at("resp_tls"), resp_tls)]
        {
            check_reachable(&pointer, address, problems);
        }
    }
    let pointer = at("resp_cores");
    let resp_cores = resp
        .map(|resp| core_addresses(&pointer, node.resp_cores, resp, measure.core_count, problems));
    if resp_tls.is_some() != node.resp_tls.is_some()
        || http_tls.is_some() != node.http_tls.is_some()
    {
        return None;
    }
    // One that does not parse is no address.
    let memcached = memcached.map_or(Some(None), |address| address.map(Some))?;
    let addresses = Addresses {
        resp: resp?,
        http: http?,
        peer: peer?,
        resp_cores: resp_cores?,
        resp_tls,
        http_tls,
        memcached,
    };
    // A single node that says nothing of other nodes listens to none.
    let with_peer = measure.in_cluster || node.peer.is_some();
    check_distinct(&listeners(place, &addresses, with_peer), problems);
    Some(addresses)
}

/// The listeners of a node, those with a field of their own first.
pub(super) fn listeners(place: &str, addresses: &Addresses, with_peer: bool) -> Vec<Listener> {
    let listener = |field: &str, address| Listener { pointer: format!("{place}/{field}"), address };
    let mut listeners = vec![listener("resp", addresses.resp), listener("http", addresses.http)];
    if with_peer {
        listeners.push(listener("peer", addresses.peer));
    }
    let secured = [("resp_tls", addresses.resp_tls), ("http_tls", addresses.http_tls)];
    listeners.extend(secured.into_iter().filter_map(|(field, at)| Some(listener(field, at?))));
    listeners.extend(addresses.memcached.map(|address| listener("memcached", address)));
    listeners.extend(addresses.resp_cores.iter().map(|address| listener("resp_cores", *address)));
    listeners
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

fn check_open(pointer: &str, address: SocketAddr, auth: &Auth, problems: &mut Vec<Problem>) {
    if auth.password_hash.is_none() && !is_loopback(address.ip()) {
        problems.push(Problem::at(
            pointer,
            format!("{address} can be reached from other machines and there is no password"),
            "set /settings/auth/password_hash (`hyperiond hash-password` makes one) or listen on 127.0.0.1",
        ));
    }
}

fn check_peer_open(pointer: &str, address: SocketAddr, auth: &Auth, problems: &mut Vec<Problem>) {
    if auth.peer_secret_file.is_none() && !is_loopback(address.ip()) {
        problems.push(Problem::at(
            pointer,
            format!("{address} can be reached from other machines and the nodes share no secret"),
            "set /settings/auth/peer_secret_file to a file with the same secret on each node, or listen on 127.0.0.1",
        ));
    }
}

fn check_reachable(pointer: &str, address: Option<SocketAddr>, problems: &mut Vec<Problem>) {
    if let Some(address) = address.filter(|address| address.ip().is_unspecified()) {
        problems.push(Problem::at(
            pointer,
            format!("{address} is no address that others can connect to"),
            "give the address of the machine by which the other nodes and their clients reach it",
        ));
    }
}

fn core_addresses(
    pointer: &str,
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
            pointer,
            format!("{core_count} cores from port {first_port} on end past port 65535"),
            "give a lower first port",
        ));
        return Vec::new();
    };
    (first_port..=last_port).take(core_count).map(|port| SocketAddr::new(resp.ip(), port)).collect()
}

fn check_distinct(listeners: &[Listener], problems: &mut Vec<Problem>) {
    for (index, listener) in listeners.iter().enumerate() {
        check_free(listener, &listeners[..index], problems);
    }
}

/// Says so when one of `others`, on the same machine, has the port of `listener` already.
pub(super) fn check_free(
    listener: &Listener,
    others: &[Listener],
    problems: &mut Vec<Problem>,
) -> bool {
    let clash = others.iter().find(|other| {
        other.address.port() == listener.address.port()
            && overlap(other.address.ip(), listener.address.ip())
    });
    if let Some(other) = clash {
        problems.push(Problem::at(
            listener.pointer.as_str(),
            format!("port {} is taken by {} already", listener.address.port(), other.pointer),
            "give each listener a port of its own; each core takes one from resp_cores on",
        ));
    }
    clash.is_none()
}

fn overlap(left: IpAddr, right: IpAddr) -> bool {
    left == right || left.is_unspecified() || right.is_unspecified()
}

/// The first address that clients on other machines can reach without a certificate, as the config has it.
#[must_use]
pub fn reached_by_others(config: &Config) -> Option<SocketAddr> {
    let keeps_strangers_out = config.settings.tls.keeps_strangers_out();
    let of_clients = |node: &Node| {
        let plain = [Some(&node.resp), Some(&node.http), node.memcached.as_ref()];
        let secured = [node.resp_tls.as_ref(), node.http_tls.as_ref()];
        let secured = secured.into_iter().filter(|_| !keeps_strangers_out);
        let texts: Vec<String> = plain.into_iter().chain(secured).flatten().cloned().collect();
        texts
    };
    config
        .nodes
        .iter()
        .flat_map(of_clients)
        .filter_map(|text| text.parse().ok())
        .find(|address: &SocketAddr| !is_loopback(address.ip()))
}

pub(super) fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}
