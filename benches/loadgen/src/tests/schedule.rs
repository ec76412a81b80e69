//! Requests are due when they are intended, whatever the number of threads.

use crate::schedule::Schedule;

#[test]
fn due_counts_what_is_intended() {
    for (rate, threads) in [(1.0, 1), (1000.0, 1), (3000.0, 2), (7e5, 3), (123_456.7, 5)] {
        for thread in 0..threads {
            let schedule = Schedule::new(rate, threads, thread);
            for index in 0..2000 {
                let at = schedule.intended_ns(index);
                assert_eq!(schedule.due(at), index + 1, "{rate} {thread}/{threads} at {at}");
                if at > 1 {
                    let due = schedule.due(at - 2);
                    assert_eq!(due, index, "{rate} {thread}/{threads} before {at}");
                }
            }
        }
    }
}

#[test]
fn threads_take_turns() {
    let mut all: Vec<u64> = (0..4)
        .flat_map(|thread| (0..3).map(move |index| (thread, index)))
        .map(|(thread, index)| Schedule::new(1e6, 4, thread).intended_ns(index))
        .collect();
    all.sort_unstable();
    assert_eq!(all, (0..12).map(|index| index * 1000).collect::<Vec<_>>());
}
