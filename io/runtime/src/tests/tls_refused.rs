//! What is wrong with files, and with peers of TLS: each is told in one sentence, and nobody else is hurt.

use std::io::{Read, Write};
use std::net::TcpStream;

use super::harness::{LEVELS, options, start};
use super::tls_harness::{Authority, Folder, client, connect, fault, start_secured};
use crate::tls::{
    ClientAuth, HANDSHAKE_RECORD, TlsClient, TlsFiles, TlsMaterial, TlsServer, Unsecured,
};
use crate::{CloseReason, RingLevel, Socket, limits};

fn refuse() -> Unsecured {
    Unsecured::Refuse(b"-ERR speak TLS\r\n".to_vec())
}

#[test]
fn files_that_cannot_be_used_are_told_by_name() {
    let (authority, folder) = (Authority::new(), Folder::new("files"));
    let (signed, other) = (authority.sign(false), authority.sign(false));
    let good = folder.files(&signed, Some(&authority));
    TlsMaterial::read(&good).unwrap();
    let with = |field: &str, text: &str| {
        let name = format!("{field}-{}.pem", text.len());
        let path = folder.write(&name, text);
        let mut files = good.clone();
        match field {
            "cert_file" => files.cert_file = path,
            "key_file" => files.key_file = path,
            _ => files.ca_file = Some(path),
        }
        files
    };
    let damaged = "-----BEGIN CERTIFICATE-----\n####\n-----END CERTIFICATE-----\n";
    let long = "#".repeat(usize::try_from(limits::TLS_FILE_BYTES_MAX).unwrap() + 1);
    let rows: Vec<(TlsFiles, &str, &str)> = vec![
        (with("cert_file", ""), "cert_file", "has no certificate in PEM"),
        (with("cert_file", &signed.key), "cert_file", "has no certificate in PEM"),
        (with("cert_file", damaged), "cert_file", "make it anew"),
        (with("cert_file", &long), "cert_file", "is longer than"),
        (with("key_file", &signed.cert), "key_file", "has no private key in PEM"),
        (with("key_file", &other.key), "key_file", "is not the key of the certificate"),
        (with("ca_file", "nothing"), "ca_file", "has no certificate in PEM"),
        (
            TlsFiles { key_file: folder.0.join("absent"), ..good.clone() },
            "key_file",
            "No such file",
        ),
        (TlsFiles { cert_file: folder.0.clone(), ..good.clone() }, "cert_file", "directory"),
    ];
    for (files, field, said) in rows {
        let error = TlsMaterial::read(&files).expect_err(said);
        let sentence = error.to_string();
        assert!(sentence.contains(said) && sentence.starts_with(field), "{sentence}");
        assert_eq!(error.file().field(), field);
    }
    let alone = TlsMaterial::read(&TlsFiles { ca_file: None, ..good }).unwrap();
    assert!(!alone.has_authority());
    let error =
        TlsServer::new(&alone, ClientAuth::Required).expect_err("nobody to ask").to_string();
    assert!(error.contains("no ca_file"), "{error}");
    assert!(TlsClient::new(&alone).is_err());
}

#[test]
fn a_peer_without_tls_is_told_so() {
    let authority = Authority::new();
    for level in LEVELS {
        let echoes = start_secured("plain", level, &authority, ClientAuth::No, refuse());
        let Some(echoes) = echoes else { continue };
        let mut plain = echoes.connect();
        plain.write_all(b"PING\r\n").unwrap();
        let mut back = Vec::new();
        plain.read_to_end(&mut back).unwrap();
        assert_eq!(back, b"-ERR speak TLS\r\n", "level {level}");
        assert!(fault(&echoes).contains("speaks no TLS"));
    }
}

/// What is sent in the place of a handshake, or behind its start, and what of it is told.
#[test]
fn garbage_is_no_handshake() {
    let authority = Authority::new();
    let record = |body: &[u8]| {
        let length = u16::try_from(body.len()).unwrap().to_be_bytes();
        [&HANDSHAKE_RECORD, &[0x01][..], &length, body].concat()
    };
    for level in LEVELS {
        let echoes = start_secured("garbage", level, &authority, ClientAuth::No, refuse());
        let Some(echoes) = echoes else { continue };
        for (bytes, said) in [
            (record(&[0xff; 40]), "no TLS records"),
            (record(&[0x01, 0x00, 0x00, 0x02, 0x03, 0x03]), "no TLS records"),
            // An alert, and application data, before any handshake.
            ([record(&[0x01]), vec![0x15, 3, 3, 0, 2, 2, 40]].concat(), ""),
            ([&HANDSHAKE_RECORD[..], &[0x01, 0xff, 0xff]].concat(), "no TLS records"),
        ] {
            let mut peer = echoes.connect();
            peer.write_all(&bytes).unwrap();
            let mut back = Vec::new();
            let _ = peer.read_to_end(&mut back);
            let why = fault(&echoes);
            assert!(why.contains(said), "level {level} {bytes:?}: {why}");
            assert!(
                back.is_empty() || back[0] == 0x15,
                "level {level}: an alert or nothing: {back:?}"
            );
        }
        // Who is in order is served meanwhile and after.
        let mut stream = connect(&echoes, &client(&authority, None));
        stream.write_all(b"ok").unwrap();
        stream.flush().unwrap();
        let mut back = [0; 2];
        stream.read_exact(&mut back).unwrap();
    }
}

/// Records that were changed on the way end the connection: nothing of them is given to the core.
#[test]
fn a_damaged_record_ends_the_connection() {
    let authority = Authority::new();
    for level in LEVELS {
        let echoes = start_secured("damaged", level, &authority, ClientAuth::No, refuse());
        let Some(echoes) = echoes else { continue };
        let mut stream = connect(&echoes, &client(&authority, None));
        stream.write_all(b"ok").unwrap();
        stream.flush().unwrap();
        let mut back = [0; 2];
        stream.read_exact(&mut back).unwrap();
        stream.conn.writer().write_all(b"secret").unwrap();
        let mut record = Vec::new();
        stream.conn.write_tls(&mut record).unwrap();
        *record.last_mut().unwrap() ^= 1;
        stream.sock.write_all(&record).unwrap();
        let _ = stream.read_to_end(&mut Vec::new());
        let why = fault(&echoes);
        assert!(why.contains("decrypt"), "level {level}: {why}");
        let closed = echoes.ask(0, |echo, _| echo.closed.clone());
        assert_eq!(closed[0].1, CloseReason::Tls, "level {level}");
    }
}

#[test]
fn certificates_of_clients_are_checked() {
    let (authority, other) = (Authority::new(), Authority::new());
    let (good, expired, foreign) = (authority.sign(false), authority.sign(true), other.sign(false));
    for (auth, shown, said) in [
        (ClientAuth::Required, Some(&good), None),
        (ClientAuth::Required, None, Some("shows no certificate")),
        (ClientAuth::Required, Some(&expired), Some("has expired")),
        (ClientAuth::Required, Some(&foreign), Some("signed by nobody in ca_file")),
        (ClientAuth::Optional, Some(&good), None),
        (ClientAuth::Optional, None, None),
        (ClientAuth::Optional, Some(&foreign), Some("signed by nobody in ca_file")),
        (ClientAuth::No, Some(&foreign), None),
    ] {
        let echoes = start_secured("auth", RingLevel::V5_15, &authority, auth, refuse());
        let Some(echoes) = echoes else { return };
        let mut stream = connect(&echoes, &client(&authority, shown));
        // Without an answer the peer knows of nothing: TLS 1.3 lets it speak before its certificate is looked at.
        let sent = stream.write_all(b"hi").and_then(|()| stream.flush());
        let mut back = [0; 2];
        let answered = sent.and_then(|()| stream.read_exact(&mut back));
        match said {
            None => answered.unwrap_or_else(|error| panic!("{auth:?}: {error}")),
            Some(said) => {
                let error = answered.expect_err(said).to_string();
                assert!(error.contains("alert"), "{auth:?}: {error}");
                let why = fault(&echoes);
                assert!(why.contains(said), "{auth:?}: {why}");
            }
        }
    }
}

/// A node that dials checks who answers, and says what was wrong.
#[test]
fn who_answers_a_core_that_dials_is_checked() {
    let (authority, other) = (Authority::new(), Authority::new());
    for (signer, is_expired, said) in
        [(&authority, true, "has expired"), (&other, false, "signed by nobody in ca_file")]
    {
        let folder = Folder::new("answers");
        let material = TlsMaterial::read(&folder.files(&signer.sign(is_expired), None)).unwrap();
        let server = TlsServer::new(&material, ClientAuth::No).unwrap();
        let level = RingLevel::V5_15;
        let (Some(echoes), Some(dialer)) = (start(&options(level, 1)), start(&options(level, 1)))
        else {
            return;
        };
        echoes.ask(0, move |echo, _| echo.tls = Some((server, refuse())));
        let shown = folder.files(&authority.sign(false), Some(&authority));
        let shown = TlsClient::new(&TlsMaterial::read(&shown).unwrap()).unwrap();
        let socket = Socket::from_tcp(echoes.connect()).unwrap();
        dialer.ask(0, move |echo, io| {
            let id = io.open_secured_to(socket, &shown).unwrap();
            echo.held.insert(id, super::harness::Held::default());
        });
        let why = fault(&dialer);
        assert!(why.contains(said), "{why}");
        assert!(fault(&echoes).contains("alert"));
    }
}

/// Two thousand peers begin a handshake and say nothing more: who is connected is answered, who comes gets in, and those that began are
/// ended when their time is up.
#[test]
fn half_done_handshakes_hurt_nobody() {
    let authority = Authority::new();
    let echoes = start_secured("half", RingLevel::V5_15, &authority, ClientAuth::No, refuse());
    let Some(echoes) = echoes else { return };
    let client = client(&authority, None);
    let mut early = connect(&echoes, &client);
    let say = |stream: &mut super::tls_harness::Stream| {
        stream.write_all(b"hi").unwrap();
        stream.flush().unwrap();
        let mut back = [0; 2];
        stream.read_exact(&mut back).unwrap();
        assert_eq!(&back, b"hi");
    };
    say(&mut early);
    let half: Vec<TcpStream> = (0..2_000)
        .map(|number| {
            let mut stream = connect(&echoes, &client);
            let mut hello = Vec::new();
            stream.conn.write_tls(&mut hello).unwrap();
            // Some do not even say hello whole.
            let length = if number % 2 == 0 { hello.len() } else { hello.len() / 2 };
            stream.sock.write_all(&hello[..length]).unwrap();
            stream.sock
        })
        .collect();
    say(&mut early);
    say(&mut connect(&echoes, &client));
    // All of their time is over at once: the clock of the cores is not waited for.
    echoes.ask(0, |_, io| io.end_handshakes_early());
    let count = half.len();
    echoes.wait(0, move |echo, _| (echo.faults.len() == count).then_some(()));
    assert!(echoes.ask(0, |echo, _| echo.faults.iter().all(|why| why.contains("in time"))));
    say(&mut early);
    assert_eq!(
        echoes.wait(0, |_, io| (io.connections() == 1).then_some(io.stats().tls_failures)),
        2_000
    );
}
