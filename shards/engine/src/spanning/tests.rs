//! Tests of the bytes of transactions that span groups. Their way over nodes is tested by the simulator.

use super::mail::{SpanId, SpanMail, SpanStep};
use super::records::Record;
use crate::effect::{OwnedWrite, Want, Wanted};
use hyperion_model::{CoreId, DatabaseId, PartitionId, PartitionMap};

const ID: SpanId = SpanId { node: 7, core: 3, start: 9, count: u64::MAX };

fn writes() -> Vec<OwnedWrite> {
    let write = |key: &[u8], value: Option<&[u8]>, expiry_ms| OwnedWrite {
        database: DatabaseId(15),
        key: key.to_vec(),
        value: value.map(<[u8]>::to_vec),
        expiry_ms,
    };
    vec![
        write(b"", Some(b""), None),
        write(b"gone", None, None),
        write(b"kept", Some(&[0; 300]), Some(u64::MAX)),
    ]
}

fn steps() -> Vec<SpanStep> {
    let (one, two) = (PartitionId(1), PartitionId(1_023));
    let wanted = Wanted { value: b"v".to_vec(), expiry_ms: Some(5) };
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
        SpanStep::Locked { found: vec![None, Some(wanted)] },
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
