//! Tests of recovery from files that were cut or damaged.

use super::disk::{Contents, Disk, World, pattern};

/// Some batches; gives the contents after each, with the bytes written by then.
fn history(world: &mut World, syncs: bool) -> Vec<(usize, Contents)> {
    let mut history = vec![(0, Contents::new())];
    for step in 0..60_u32 {
        match step % 7 {
            3 => {
                world.delete(&(step % 5).to_le_bytes());
            }
            5 => {
                let value = pattern(step.into(), 3_000);
                world.put_in(2, &step.to_le_bytes(), &value, Some(9_000_000));
            }
            6 => world.put(&step.to_le_bytes(), &pattern(step.into(), 9_000)),
            _ => world.put(&(step % 5).to_le_bytes(), &pattern(step.into(), 120)),
        }
        if syncs && step % 4 == 0 {
            world.sync();
        } else {
            world.write();
        }
        history.push((world.disk.written_bytes(), world.contents()));
    }
    history
}

#[test]
fn a_cut_at_any_byte_leaves_an_exact_prefix_of_batches() {
    let mut world = World::new();
    let history = history(&mut world, false);
    let end = world.disk.written_bytes();
    let tail = end - 700;
    for cut in (0..tail).step_by(1_501).chain(tail..=end) {
        let mut again = World::open(&world.disk.cut(cut), 2).expect("nothing was synced");
        let reach = world.disk.reach(cut);
        let (_, expected) =
            history.iter().rev().find(|(bytes, _)| *bytes <= reach).expect("the empty one");
        assert!(again.contents() == *expected, "cut {cut} of {end}");
    }
}

#[test]
fn a_flipped_bit_is_refused_or_cuts_what_was_not_known_to_be_durable() {
    let mut world = World::new();
    let history = history(&mut world, true);
    let allowed: Vec<&Contents> = history.iter().map(|(_, contents)| contents).collect();
    let (mut refused, mut cut) = (0, 0);
    let ids: Vec<u64> = world.disk.files.keys().copied().collect();
    for flip in 0..1_500_usize {
        let id = ids[flip % ids.len()];
        let mut disk = Disk { files: world.disk.files.clone(), writes: Vec::new() };
        let file = disk.files.get_mut(&id).unwrap();
        let at = flip.wrapping_mul(0x9e37_79b9_7f4a_7c15) / (1 << 24) % file.len();
        file[at] ^= 1 << (flip % 8);
        match World::open(&disk, 2) {
            Err(_) => refused += 1,
            Ok(mut again) => {
                let contents = again.contents();
                let prefix = allowed.iter().rposition(|other| **other == contents);
                let prefix = prefix.unwrap_or_else(|| panic!("flip {flip}: not a prefix"));
                // The last word about durability was written with the batches behind the last sync but one.
                assert!(prefix >= 53, "flip {flip} at {at} of {id}: cut back to {prefix}");
                cut += u64::from(prefix < 60);
            }
        }
    }
    assert!(refused > 200, "{refused} refused, {cut} cut");
}
