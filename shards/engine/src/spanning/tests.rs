//! Tests of the bytes of transactions that span groups. Their way over nodes is tested by the simulator.

use super::mail::{SpanId, SpanMail, SpanStep};
use super::records::Record;
use crate::effect::{OwnedWrite, Want, Wanted};
use hyperion_model::{CoreId, DatabaseId, PartitionId, PartitionMap};
use hyperion_store::{Form, OwnedContent};

const ID: SpanId = SpanId { node: 7, core: 3, start: 9, count: u64::MAX };

fn writes() -> Vec<OwnedWrite> {
    let write = |key: &[u8], value: Option<&[u8]>, expiry_ms| OwnedWrite {
        database: DatabaseId(15),
        key: key.to_vec(),
        value: value.map(|value| OwnedContent::string(value.to_vec())),
        expiry_ms,
    };
    let typed = |form, bytes: &[u8]| OwnedWrite {
        value: Some(OwnedContent { form, bytes: bytes.to_vec() }),
        ..write(b"typed", None, Some(7))
    };
    vec![
        typed(Form::Packed, b"\x02elements"),
        typed(Form::Chunked, b"\x03\x02\0\0\0ab\x01\0\0\0c"),
        write(b"", Some(b""), None),
        write(b"gone", None, None),
        write(b"kept", Some(&[0; 300]), Some(u64::MAX)),
    ]
}

fn steps() -> Vec<SpanStep> {
    let (one, two) = (PartitionId(1), PartitionId(1_023));
    let value = OwnedContent { form: Form::Packed, bytes: b"\x01v".to_vec() };
    let wanted = Wanted { value, expiry_ms: Some(5) };
    vec![
        SpanStep::Lock { keys: vec![(DatabaseId(2), b"k".to_vec())], want: Want::Value },
        SpanStep::Check,
        SpanStep::Prepare { decision: one, writes: writes() },
        SpanStep::Decide { others: vec![one, two], writes: writes() },
        SpanStep::Abort,
        SpanStep::Commit { decision: two },
        SpanStep::Committed { by: one },
        SpanStep::Ask { asker: two },
        SpanStep::Aborted,
        SpanStep::Locked { found: vec![None, Some(wanted.clone())], versions: Vec::new() },
        SpanStep::Locked { found: vec![None, Some(wanted)], versions: vec![7, u64::MAX] },
        SpanStep::Lock { keys: Vec::new(), want: Want::Watch },
        SpanStep::Unwatch { keys: vec![(DatabaseId(3), b"k".to_vec())] },
        SpanStep::Done,
        SpanStep::Refused { error: Some("ERR no".to_owned()) },
        SpanStep::Refused { error: None },
        SpanStep::Lost,
    ]
}

#[test]
fn a_step_is_read_as_it_was_written_and_no_part_of_it_is() {
    for step in steps() {
        let mail = SpanMail { id: ID, partition: PartitionId(5), step };
        let bytes = mail.encode();
        assert_eq!(SpanMail::decode(&bytes).as_ref(), Some(&mail));
        for end in 0..bytes.len() {
            assert_eq!(SpanMail::decode(&bytes[..end]), None, "{mail:?}, {end} bytes");
        }
        let longer = [&bytes[..], &[0]].concat();
        assert_eq!(SpanMail::decode(&longer), None, "{mail:?} and a byte");
        // A length that lies must not be believed.
        for at in 0..bytes.len() {
            let mut wrong = bytes.clone();
            wrong[at] = 0xff;
            let _ = SpanMail::decode(&wrong);
        }
    }
}

#[test]
fn answers_go_to_the_coordinators_core_and_all_else_to_the_partitions() {
    let map = PartitionMap::spread(8, 2);
    let partition = PartitionId(5);
    for step in steps() {
        let is_answer = matches!(
            step,
            SpanStep::Locked { .. } | SpanStep::Done | SpanStep::Refused { .. } | SpanStep::Lost
        );
        let mail = SpanMail { id: ID, partition, step };
        let expected = if is_answer { CoreId(3) } else { map.owner(partition) };
        assert_eq!(mail.core(&map), expected, "{mail:?}");
    }
}

#[test]
fn hidden_records_are_read_as_they_were_written() {
    let decision = PartitionId(2);
    for record in [
        Record::Prepared { id: ID, decision, writes: writes() },
        Record::Decision { id: ID, others: vec![decision, PartitionId(7)] },
    ] {
        let bytes = record.encode();
        assert_eq!(Record::decode(&bytes).as_ref(), Some(&record));
        assert!((0..bytes.len()).all(|end| Record::decode(&bytes[..end]).is_none()));
    }
}

/// Records may lie in a group from before values had types: 1 stood for a value, which is a string.
#[test]
fn hidden_records_of_strings_are_read_as_ever() {
    let mut bytes = vec![1];
    bytes.extend(7_u32.to_le_bytes());
    bytes.extend([3_u16, 9].iter().flat_map(|word| word.to_le_bytes()));
    bytes.extend(u64::MAX.to_le_bytes());
    bytes.extend(2_u16.to_le_bytes());
    bytes.extend(b"\x01\0\0\0\x05\x01\0\0\0k\x01\x02\0\0\0vw\x00");
    let writes = vec![OwnedWrite {
        database: DatabaseId(5),
        key: b"k".to_vec(),
        value: Some(OwnedContent::string(b"vw".to_vec())),
        expiry_ms: None,
    }];
    let record = Record::Prepared { id: ID, decision: PartitionId(2), writes };
    assert_eq!(Record::decode(&bytes), Some(record.clone()));
    assert_eq!(record.encode(), bytes);
}
