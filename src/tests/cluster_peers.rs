//! Who comes to the peer port and is no node of the cluster: refused with a sentence, and the cluster goes on.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};

use hyperion_wire::peer::{
    Body, ConfigCurrent, ConfigFetch, FrameParser, Framed, Handshake, Heartbeats, Identity, Kind,
    Message, PROTOCOL_VERSION, PROTOCOL_VERSION_MIN, Ping, Progress, Purpose, Secret,
    encode_compressed,
};
use serde_json::json;

use super::cluster_harness::{Cluster, Routed};
use super::harness::{PATIENCE, put, wait_for};

const RAFT_MESSAGES: u8 = 16;

/// The head of a frame of this kind, with a right checksum, that says how long its body is.
fn head(kind: u8, body_bytes: u32) -> Vec<u8> {
    let mut bytes = b"HYPN\x01".to_vec();
    bytes.extend([kind, 0, 0]);
    bytes.extend(body_bytes.to_le_bytes());
    bytes.extend([0; 4]);
    let sum = crc32c(&bytes);
    bytes.extend(sum.to_le_bytes());
    bytes
}

fn crc32c(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| (crc >> 1) ^ (0x82f6_3b78 & (crc & 1).wrapping_neg());
    !bytes.iter().fold(!0, |crc, &byte| (0..8).fold(crc ^ u32::from(byte), step))
}

fn dial(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("the node listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("it is a socket");
    stream
}

/// Reads until the node closes the connection.
fn read_end(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    match stream.read_to_end(&mut bytes) {
        Ok(_) => {}
        Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{error}"),
    }
    bytes
}

/// The cluster serves as if nothing were.
fn goes_on(routed: &mut Routed, round: usize) {
    for key in 0..10 {
        routed.set(&format!("{round}:{key}"), b"x");
        assert_eq!(routed.ask(&format!("GET {round}:{key}")), "x");
    }
}

#[test]
fn bytes_that_are_no_frames_are_refused() {
    let mut cluster = Cluster::plan(3).start();
    let mut routed = cluster.routed();
    let damaged = {
        let mut bytes = head(1, 100);
        bytes[9] ^= 1;
        bytes
    };
    let cases: [(Vec<u8>, &str); 6] = [
        (b"GET / HTTP/1.1\r\n\r\n________".to_vec(), "these bytes are no frame of a node"),
        (vec![0xff; 4096], "these bytes are no frame of a node"),
        (head(1, 2 << 30), "at most"),
        (head(RAFT_MESSAGES, 2 << 30), "at most"),
        (head(RAFT_MESSAGES, 64), ""),
        (damaged, "the head of a frame is damaged"),
    ];
    for (round, (bytes, sentence)) in cases.into_iter().enumerate() {
        let before = cluster.log(1).matches("a link of a peer was closed").count();
        let mut stream = dial(cluster.peer(1));
        stream.write_all(&bytes).expect("the node takes it");
        read_end(&mut stream);
        wait_for("a sentence in the log", || {
            let log = cluster.log(1);
            log.matches("a link of a peer was closed").count() == before + 1
                && log.contains(sentence)
        });
        goes_on(&mut routed, round);
    }
    // Who says nothing is not waited for for ever.
    read_end(&mut dial(cluster.peer(1)));
    assert!(cluster.log(1).contains("the handshake took too long"), "{}", cluster.log(1));
    let crowd: Vec<TcpStream> = (0..300).map(|_| dial(cluster.peer(1))).collect();
    goes_on(&mut routed, 10);
    drop(crowd);
    assert!(cluster.numbers().all(|node| cluster.is_alive(node)));
}

/// A link to a node as another one of the cluster would open it, and what came on it at once.
fn shake(
    cluster: &Cluster,
    to: u32,
    node: u32,
    uuid: &str,
) -> Result<(TcpStream, Vec<u8>), String> {
    let bytes_of = |text: &str| {
        u128::from_str_radix(&text.replace('-', ""), 16).expect("a uuid").to_be_bytes()
    };
    let cluster_id = cluster.config()["cluster_id"].as_str().expect("a text").to_owned();
    let identity = Identity {
        protocol_min: PROTOCOL_VERSION_MIN,
        protocol_max: PROTOCOL_VERSION,
        cluster_id: bytes_of(&cluster_id),
        node,
        uuid: bytes_of(uuid),
        core: 0,
        cores: 1,
    };
    let secret = Secret::new(cluster_id.as_bytes()).expect("it is long enough");
    let mut stream = dial(cluster.peer(to));
    let (mut out, mut input) = (Vec::new(), Vec::new());
    let mut handshake =
        Handshake::dialer(&identity, Purpose::Control, None, &secret, [7; 32], &mut out);
    loop {
        stream.write_all(&out).map_err(|error| error.to_string())?;
        out.clear();
        match handshake.receive(&input, &mut out).map_err(|error| error.to_string())? {
            Progress::Established { consumed, .. } => {
                return Ok((stream, input.split_off(consumed)));
            }
            Progress::Continue { consumed } => drop(input.drain(..consumed)),
            Progress::Incomplete { .. } => {
                let mut chunk = [0; 4096];
                let count = stream.read(&mut chunk).map_err(|error| error.to_string())?;
                if count == 0 {
                    return Err("closed".to_owned());
                }
                input.extend_from_slice(&chunk[..count]);
            }
        }
    }
}

#[test]
fn a_node_that_is_proved_and_sends_nonsense_loses_its_link_alone() {
    let mut cluster = Cluster::plan(3).start();
    let mut routed = cluster.routed();
    let uuid = cluster.config()["nodes"][2]["uuid"].as_str().expect("a text").to_owned();
    let (mut good, _) = shake(&cluster, 1, 3, &uuid).expect("it knows the secret");
    let mut ping = Vec::new();
    Ping { stamp_ns: 1 }.encode(&mut ping).expect("it is short");
    good.write_all(&ping).expect("the node takes it");
    assert!(good.read(&mut [0; 64]).expect("the node answers") > 0);
    for (round, bytes) in [
        head(RAFT_MESSAGES, 2 << 30),
        head(200, 10),
        b"nonsense that is longer than a head".to_vec(),
        {
            // A body whose checksum is wrong.
            let mut bytes = head(RAFT_MESSAGES, 8);
            bytes.extend([1; 8]);
            bytes
        },
    ]
    .into_iter()
    .enumerate()
    {
        let before = cluster.log(1).matches("a link of a peer was closed").count();
        let (mut stream, _) = shake(&cluster, 1, 3, &uuid).expect("it knows the secret");
        stream.write_all(&bytes).expect("the node takes it");
        read_end(&mut stream);
        wait_for("a sentence in the log", || {
            cluster.log(1).matches("a link of a peer was closed").count() == before + 1
        });
        goes_on(&mut routed, round);
    }
    let stranger = "99999999-bbbb-4ccc-8ddd-eeeeeeeeeeee";
    let (mut stream, mut told) = shake(&cluster, 1, 9, stranger).expect("it knows the secret");
    // It may ask for the config, and say nothing else.
    let mut bytes = Vec::new();
    ConfigFetch { request: 7, epoch_min: 0 }.encode(&mut bytes).expect("it is short");
    stream.write_all(&bytes).expect("the node takes it");
    let mut chunk = [0; 65_536];
    while !String::from_utf8_lossy(&told).contains("\"placement\"") {
        let count = stream.read(&mut chunk).expect("the node answers");
        assert!(count > 0, "closed after {:?}", String::from_utf8_lossy(&told));
        told.extend(&chunk[..count]);
    }
    bytes.clear();
    Heartbeats { heartbeats: Vec::new() }.encode(&mut bytes).expect("it is short");
    stream.write_all(&bytes).expect("the node takes it");
    let told = String::from_utf8_lossy(&read_end(&mut stream)).into_owned();
    assert!(told.contains("the config names no such node"), "{told:?}");
    wait_for("a sentence in the log", || cluster.log(1).contains("names no such node"));
    goes_on(&mut routed, 10);
    // A few may ask at once, no crowd.
    let crowd = (0..20).map(|_| shake(&cluster, 1, 9, stranger).expect("it knows the secret"));
    let mut crowd: Vec<(TcpStream, Vec<u8>)> = crowd.collect();
    let is_refused = |(stream, told): &mut (TcpStream, Vec<u8>)| {
        let wait = Some(std::time::Duration::from_millis(50));
        stream.set_read_timeout(wait).expect("it is a socket");
        let _ = stream.read_to_end(told);
        String::from_utf8_lossy(told).contains("too many nodes want to join")
    };
    let refused = crowd.iter_mut().map(is_refused).filter(|&it| it).count();
    assert_eq!(refused, 12, "of 20, 8 may stay");
    drop(crowd);
    goes_on(&mut routed, 11);
    assert!(cluster.numbers().all(|node| cluster.is_alive(node)));
}

/// A node that was cut off while others joined is spoken to by one that it does not know: it asks that one, and follows what it is told.
#[test]
fn a_node_that_was_cut_off_hears_of_new_nodes() {
    let cluster = Cluster::plan(3).start();
    let newcomer = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let uuid = "99999999-bbbb-4ccc-8ddd-eeeeeeeeeeee";
    let (mut stream, mut told) = shake(&cluster, 1, 4, uuid).expect("it knows the secret");
    let mut bytes = Vec::new();
    ConfigFetch { request: 7, epoch_min: 0 }.encode(&mut bytes).expect("it is short");
    stream.write_all(&bytes).expect("the node takes it");
    let mut report = loop {
        if let Some(report) = config_in(&mut told) {
            break report;
        }
        let mut chunk = [0; 65_536];
        let count = stream.read(&mut chunk).expect("the node answers");
        assert!(count > 0, "closed after {:?}", String::from_utf8_lossy(&told));
        told.extend(&chunk[..count]);
    };
    // The config after the one that node 1 knows, in which there is a fourth node.
    let state = &mut report["state"];
    let (epoch, hash) =
        (state["config"]["epoch"].as_u64().expect("a number"), state["hash"].take());
    let mut node = state["config"]["nodes"][0].clone();
    node["id"] = json!(4);
    node["name"] = json!("n4");
    node["uuid"] = json!(uuid);
    node["peer"] = json!(newcomer.local_addr().expect("it listens").to_string());
    state["config"]["nodes"].as_array_mut().expect("a list").push(node);
    state["config"]["epoch"] = json!(epoch + 1);
    state["config"]["parent"] = hash.clone();
    state["hash"] = json!("f".repeat(64));
    let entry = json!({ "epoch": epoch + 1, "hash": "f".repeat(64), "parent": hash });
    state["history"].as_array_mut().expect("a list").push(entry);
    // It speaks as one of the cluster's, is asked, and tells.
    bytes.clear();
    Heartbeats { heartbeats: Vec::new() }.encode(&mut bytes).expect("it is short");
    ConfigCurrent {
        request: 0,
        epoch: epoch + 1,
        hash: [0xff; 32],
        config: serde_json::to_vec(&report).expect("it is JSON").into(),
        history: Vec::new(),
    }
    .encode(&mut bytes)
    .expect("it is short");
    stream.write_all(&bytes).expect("the node takes it");
    newcomer.set_nonblocking(true).expect("it is a socket");
    wait_for("the node dials the one it was told of", || newcomer.accept().is_ok());
    assert!(cluster.log(1).contains("tells of the config of epoch"), "{}", cluster.log(1));
}

/// What a `ConfigCurrent` among these bytes says, which are taken.
fn config_in(bytes: &mut Vec<u8>) -> Option<serde_json::Value> {
    let mut found = None;
    while let Ok(Framed::Frame { frame, consumed }) = FrameParser::new().parse(bytes) {
        if let Ok(Message::ConfigCurrent(it)) = Message::decode(&frame) {
            found = serde_json::from_slice(&it.config).ok();
        }
        bytes.drain(..consumed);
    }
    found
}

#[test]
fn a_piece_that_unpacks_to_more_than_a_piece_may_have_closes_its_link_alone() {
    let mut cluster = Cluster::plan(3).start();
    let mut routed = cluster.routed();
    let uuid = cluster.config()["nodes"][2]["uuid"].as_str().expect("a text").to_owned();
    let zeros = vec![0_u8; 64 << 20];
    let mut bomb = Vec::new();
    let parameters = brotli::enc::BrotliEncoderParams { quality: 1, ..Default::default() };
    brotli::BrotliCompress(&mut zeros.as_slice(), &mut bomb, &parameters).expect("it is memory");
    for (round, (body, sentence)) in [
        (bomb, "a compressed frame unpacks to more than 1048640 bytes"),
        (b"no brotli, as far as anybody knows".to_vec(), "a compressed frame does not unpack"),
    ]
    .into_iter()
    .enumerate()
    {
        let (mut stream, _) = shake(&cluster, 1, 3, &uuid).expect("it knows the secret");
        let mut frame = Vec::new();
        encode_compressed(Kind::SnapshotChunk, &body, &mut frame).expect("it is short");
        stream.write_all(&frame).expect("the node takes it");
        let told = String::from_utf8_lossy(&read_end(&mut stream)).into_owned();
        assert!(told.contains(sentence), "{told:?}");
        wait_for("a sentence in the log", || cluster.log(1).contains(sentence));
        goes_on(&mut routed, round);
    }
    assert!(cluster.numbers().all(|node| cluster.is_alive(node)));
}

#[test]
fn a_node_of_another_cluster_stays_outside() {
    let mut cluster = Cluster::plan(3).start();
    let mut routed = cluster.routed();
    let genuine = cluster.config().clone();
    cluster.kill(3);
    let data = cluster.data(3);
    fs::rename(&data, data.with_extension("kept")).expect("the folder is ours");
    let mut foreign = genuine.clone();
    put(&mut foreign, "/cluster_id", json!("99999999-2222-4333-8444-555555555555"));
    cluster.write_config(3, &foreign);
    cluster.launch(3);
    let (code, log) = cluster.wait_end(3);
    assert_eq!(code, 78, "{log}");
    assert!(log.contains("the nodes that it names are of another one"), "{log}");
    wait_for("a sentence in the log", || cluster.log(1).contains("belongs to another cluster"));
    goes_on(&mut routed, 1);
    // Beside its data, nobody has to be asked.
    fs::remove_dir_all(&data).expect("the folder is ours");
    fs::rename(data.with_extension("kept"), &data).expect("the folder is ours");
    cluster.launch(3);
    let (code, log) = cluster.wait_end(3);
    assert_eq!(code, 78, "{log}");
    assert!(log.contains("the config is of cluster 99999999-2222"), "{log}");
    fs::rename(&data, data.with_extension("kept")).expect("the folder is ours");

    let _ = fs::remove_dir_all(&data);
    fs::rename(data.with_extension("kept"), &data).expect("the folder is ours");
    cluster.write_config(3, &genuine);
    cluster.start_again(3);
    let all = (0..10).map(|key| (format!("1:{key}"), Some(b"x".to_vec()))).collect();
    cluster.wait_copies(3, &all);
}

#[test]
fn a_node_with_another_secret_stays_outside() {
    let cluster = Cluster::plan(3);
    let path = cluster.folder().join("secret");
    fs::write(&path, "a secret of the nodes alone").expect("the folder is ours");
    let text = path.to_str().expect("it is text").to_owned();
    let mut cluster = cluster.at("/settings/auth/peer_secret_file", json!(text)).start();
    let mut routed = cluster.routed();
    cluster.kill(3);
    fs::write(&path, "a secret of somebody else").expect("the folder is ours");
    cluster.start_only(&[3]);
    wait_for("a sentence in both logs", || {
        [1, 2, 3].iter().all(|&node| cluster.log(node).contains("does not know the secret"))
    });
    // It was a member before, but speaks to nobody.
    assert!(cluster.client(3).ask("SET a 1").starts_with("-CLUSTERDOWN"));
    goes_on(&mut routed, 1);
    cluster.kill(3);

    fs::write(&path, "short").expect("the folder is ours");
    cluster.launch(3);
    let (code, log) = cluster.wait_end(3);
    assert_eq!(code, 78, "{log}");
    assert!(log.contains("use at least 16 random ones"), "{log}");

    fs::write(&path, "a secret of the nodes alone").expect("the folder is ours");
    cluster.start_again(3);
    let all = (0..10).map(|key| (format!("1:{key}"), Some(b"x".to_vec()))).collect();
    cluster.wait_copies(3, &all);
}
