//! Drawn keys against what theory says.

use super::flags;
use crate::keys::{Keys, spread, spread_step};
use crate::random::Random;
use crate::zipf::Zipf;

const DRAWS: u32 = 400_000;

#[test]
fn zipf_frequencies_are_those_of_theory() {
    for (count, theta) in [(1, 0.99), (2, 0.5), (10, 1.0), (100, 0.99), (1000, 1.3), (50, 2.5)] {
        let zipf = Zipf::new(count, theta);
        let mut random = Random::new(7, 0);
        let mut drawn = vec![0_u32; usize::try_from(count).unwrap()];
        for _ in 0..DRAWS {
            let rank = usize::try_from(zipf.rank(&mut random)).unwrap();
            drawn[rank - 1] += 1;
        }
        let weight = |rank: usize| (rank as f64).powf(-theta);
        let total: f64 = (1..=drawn.len()).map(weight).sum();
        for (index, seen) in drawn.iter().enumerate() {
            let expected = f64::from(DRAWS) * weight(index + 1) / total;
            let deviation = (f64::from(*seen) - expected).abs();
            // Five deviations of a binomial count, and a little for the rarest ranks.
            let allowed = 5.0 * expected.sqrt() + 3.0;
            let rank = index + 1;
            assert!(
                deviation <= allowed,
                "{count} keys, theta {theta}, rank {rank}: {seen} of {expected:.0}"
            );
        }
    }
}

#[test]
fn zipf_of_very_many_keys_stays_in_range() {
    let zipf = Zipf::new(1_000_000_000_000, 0.99);
    let mut random = Random::new(1, 0);
    for _ in 0..10_000 {
        let rank = zipf.rank(&mut random);
        assert!((1..=1_000_000_000_000).contains(&rank), "{rank}");
    }
}

#[test]
fn every_rank_has_a_key_of_its_own_far_from_the_next() {
    for count in [1, 2, 3, 10, 97, 1000, 65_536, 100_000] {
        let step = spread_step(count);
        let mut seen = vec![false; usize::try_from(count).unwrap()];
        for rank in 1..=count {
            let key = usize::try_from(spread(rank, step, count)).unwrap();
            assert!(!std::mem::replace(&mut seen[key], true), "{count} keys: {key} twice");
        }
        let distance = spread(1, step, count).abs_diff(spread(2, step, count));
        assert!(count < 10 || distance > count / 5, "{count} keys: {distance} apart");
    }
}

#[test]
fn uniform_keys_are_alike() {
    let keys = Keys::new(&flags("--keys 10"));
    let mut random = Random::new(3, 0);
    let mut drawn = [0_u32; 10];
    for _ in 0..DRAWS {
        drawn[usize::try_from(keys.next(&mut random)).unwrap()] += 1;
    }
    for (key, seen) in drawn.iter().enumerate() {
        assert!(seen.abs_diff(DRAWS / 10) < 1000, "key {key}: {seen}");
    }
}

#[test]
fn the_same_seed_draws_the_same() {
    let draw = |seed, stream| Random::new(seed, stream).next_u64();
    assert_eq!(draw(1, 0), draw(1, 0));
    assert_ne!(draw(1, 0), draw(2, 0));
    assert_ne!(draw(1, 0), draw(1, 1));
}
