//! What a core takes that has little to do: not what it may need some day.

use super::harness::Setup;

/// The kernel goes round the receive buffers that it has: more commands than there are buffers find all of them.
#[test]
fn a_core_does_not_touch_what_nobody_needs() {
    let node = Setup::new().start();
    let mut client = node.client();
    client.ask("SET k v");
    let before = node.memory("RssAnon");
    for _ in 0..2_000 {
        assert_eq!(client.ask("GET k"), "v");
    }
    let after = node.memory("RssAnon");
    assert!(after < before + (4 << 20), "{before} bytes, and {after} after 2,000 commands");
    assert!(before < 12 << 20, "{before} bytes with nothing to do");
}
