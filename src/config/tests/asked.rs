//! Tests of what is asked of the machine and of a person: cores, memory, identifiers, a password.

use hyperion_cluster::config::is_uuid;

use crate::config::password::hash_line;
use crate::config::probe;
use crate::config::uuid::generate;

#[test]
fn this_machine_has_a_core_and_memory() {
    let machine = probe();
    assert!(!machine.cores_allowed.is_empty());
    assert!(machine.memory_bytes > 64 << 20, "{machine:?}");
}

#[test]
fn identifiers_are_drawn_anew() {
    let (first, second) = (generate().expect("random"), generate().expect("random"));
    assert_ne!(first, second);
    assert!(is_uuid(&first) && is_uuid(&second), "{first} {second}");
}

#[test]
fn a_password_is_read_from_one_line() {
    // `printf secret | sha256sum`
    const TEXT: &str = "sha256:2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b";
    for (line, expected) in [
        (&b"secret\n"[..], Some(TEXT)),
        (b"secret\r\n", Some(TEXT)),
        (b"secret", Some(TEXT)),
        (b"secret\nmore", Some(TEXT)),
        (b"", None),
        (b"\n", None),
        (&[b'x'; 513], None),
    ] {
        assert_eq!(hash_line(line).ok().as_deref(), expected, "{}", line.escape_ascii());
    }
}
