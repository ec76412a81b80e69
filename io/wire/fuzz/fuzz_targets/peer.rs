//! Any bytes as a link of a node: neither the parser nor a body may panic or take more memory than
//! a few times the input; what is read is written and read again as the same; a handshake with a
//! stranger never opens a link.
//!
//! Input: 1 byte of choices, then the bytes. Bits 0 and 1: 0 a stream of frames, 1 one body of the
//! kind that the next byte names, 2 a handshake's listener, 3 its dialer. Bit 2: every checksum is
//! made right first, so that what lies behind it is reached. Bit 3: a compressed chunk instead.
#![no_main]

#[path = "../../../../src/packing/unpack.rs"]
mod unpack;

use crc_fast::crc32_iscsi;
use hyperion_wire::peer::{
    FRAME_HEAD_BYTES, FrameParser, Framed, Handshake, Identity, Kind, Message, PartsReader,
    Progress, Purpose, Secret,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let [choice, stream @ ..] = data else { return };
    if choice & 8 != 0 {
        return chunk(stream);
    }
    let mut stream = stream.to_vec();
    if choice & 4 != 0 {
        mend(&mut stream);
    }
    match choice & 3 {
        0 => frames(&stream),
        1 => {
            let [kind, body @ ..] = &stream[..] else { return };
            body_of(Kind::ALL[usize::from(*kind) % Kind::ALL.len()], body);
        }
        2 => handshake(&stream, false),
        _ => handshake(&stream, true),
    }
});

/// Makes the magic, the version and the checksums right of the frames that the stream may hold.
fn mend(stream: &mut [u8]) {
    let mut rest = stream;
    while rest.len() >= FRAME_HEAD_BYTES {
        let (head, behind) = rest.split_at_mut(FRAME_HEAD_BYTES);
        head[..5].copy_from_slice(b"HYPN\x01");
        // Without this nearly every length would be too long.
        head[10] = 0;
        head[11] = 0;
        let bytes = usize::from(u16::from_le_bytes([head[8], head[9]])).min(behind.len());
        let (body, behind) = behind.split_at_mut(bytes);
        head[12..16].copy_from_slice(&crc32_iscsi(body).to_le_bytes());
        let checked = crc32_iscsi(&head[..16]);
        head[16..].copy_from_slice(&checked.to_le_bytes());
        rest = behind;
    }
}

fn frames(stream: &[u8]) {
    let (parser, mut reader, mut rest) = (FrameParser::new(), PartsReader::new(), stream);
    loop {
        match parser.parse(rest) {
            Ok(Framed::Frame { frame, consumed }) => {
                assert!(consumed == FRAME_HEAD_BYTES + frame.body.len() && consumed <= rest.len());
                if !frame.is_compressed {
                    body_of(frame.kind, frame.body);
                } else if frame.kind.may_be_compressed() {
                    chunk(frame.body);
                }
                if let Ok(Message::Part(part)) = Message::decode(&frame)
                    && let Ok(Some((kind, body))) = reader.take(&part)
                {
                    body_of(kind, &body);
                }
                rest = &rest[consumed..];
            }
            Ok(Framed::Incomplete { bytes_min }) => {
                assert!(bytes_min > rest.len());
                return;
            }
            Err(_) => return,
        }
    }
}

/// What unpacks is bounded, and a body or none.
fn chunk(packed: &[u8]) {
    let bytes_max = Kind::SnapshotChunk.bytes_max() as usize;
    if let Ok(body) = unpack::unpack(packed, bytes_max) {
        assert!(body.len() <= bytes_max);
        body_of(Kind::SnapshotChunk, &body);
    }
}

fn body_of(kind: Kind, body: &[u8]) {
    let Ok(message) = Message::decode_body(kind, body) else { return };
    let mut out = Vec::new();
    message.encode(&mut out).expect("what is read can be written");
    assert_eq!(out.len(), FRAME_HEAD_BYTES + body.len());
    let Ok(Framed::Frame { frame, .. }) = FrameParser::new().parse(&out) else {
        panic!("what is written is a frame");
    };
    assert_eq!(Message::decode(&frame), Ok(message));
}

fn handshake(stream: &[u8], is_dialer: bool) {
    let identity = Identity {
        protocol_min: 1,
        protocol_max: 1,
        cluster_id: *b"cluster of tests",
        node: 9,
        uuid: *b"uuid of fuzznode",
        core: 0,
        cores: 2,
    };
    let secret = Secret::new(b"a secret that the input does not know").expect("it is long");
    let (mut out, mut rest) = (Vec::new(), stream);
    let mut handshake = if is_dialer {
        Handshake::dialer(&identity, Purpose::Bulk, None, &secret, [7; 32], &mut out)
    } else {
        Handshake::listener(&identity, &secret, [7; 32])
    };
    loop {
        match handshake.receive(rest, &mut out) {
            Ok(Progress::Continue { consumed }) => rest = &rest[consumed..],
            Ok(Progress::Established { .. }) => panic!("a stranger has opened a link"),
            Ok(Progress::Incomplete { bytes_min }) => {
                assert!(bytes_min > rest.len());
                return;
            }
            Err(_) => return,
        }
    }
}
