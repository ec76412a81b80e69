//! The mesh: against the plainest model, and under loom.

use super::{SleepFlag, mailbox};

#[cfg(not(loom))]
mod plain {
    use std::{collections::VecDeque, sync::Arc, thread};

    use super::{SleepFlag, mailbox};

    #[test]
    fn a_box_is_a_bounded_queue() {
        for capacity in [1, 2, 8] {
            let (mut sender, mut receiver) = mailbox::<u32>(capacity);
            let mut model = VecDeque::new();
            for step in 0..1000_u32 {
                // A walk that fills, empties and mixes.
                if step.wrapping_mul(2_654_435_761) >> (28 + step / 500) & 1 == 0 {
                    let pushed = sender.push(step);
                    assert_eq!(pushed.is_ok(), model.len() < capacity, "step {step}");
                    if pushed.is_ok() {
                        model.push_back(step);
                    }
                } else {
                    assert_eq!(receiver.pop(), model.pop_front(), "step {step}");
                }
                assert_eq!(receiver.len(), model.len(), "step {step}");
            }
        }
    }

    #[test]
    fn mail_that_nobody_took_is_dropped_once() {
        let counted = Arc::new(());
        let (mut sender, mut receiver) = mailbox(4);
        (0..6).for_each(|_| drop(sender.push(counted.clone())));
        assert_eq!(Arc::strong_count(&counted), 5);
        drop(receiver.pop());
        drop((sender, receiver));
        assert_eq!(Arc::strong_count(&counted), 1);
    }

    #[test]
    fn a_full_box_tells_of_room() {
        let (mut sender, mut receiver) = mailbox(1);
        assert!(sender.push(1).is_ok());
        assert!(!sender.has_news());
        assert_eq!(sender.push(2), Err(2));
        assert!(!sender.has_news());
        assert_eq!(receiver.pop(), Some(1));
        assert!(receiver.sender_starved());
        assert!(!receiver.sender_starved());
        assert!(sender.has_news());
        sender.forget_starved();
        assert!(!sender.has_news());
    }

    #[test]
    fn two_threads_keep_the_order() {
        let (mut sender, mut receiver) = mailbox::<Box<u32>>(8);
        let producer = thread::spawn(move || {
            for number in 0..20_000 {
                let mut mail = Box::new(number);
                while let Err(back) = sender.push(mail) {
                    mail = back;
                    thread::yield_now();
                }
            }
        });
        for number in 0..20_000 {
            let mail = loop {
                match receiver.pop() {
                    Some(mail) => break mail,
                    None => thread::yield_now(),
                }
            };
            assert_eq!(*mail, number);
        }
        producer.join().unwrap();
    }

    #[test]
    fn one_waker_claims_a_sleeper() {
        let flag = SleepFlag::new();
        assert!(!flag.claim());
        flag.announce();
        assert!(flag.claim());
        assert!(!flag.claim());
        flag.announce();
        flag.awake();
        assert!(!flag.claim());
    }
}

#[cfg(loom)]
mod modelled {
    use loom::{sync::Arc, thread};

    use super::{SleepFlag, mailbox};

    /// Two messages through a box of one: both arrive, in order, and each once.
    #[test]
    fn messages_change_hands() {
        loom::model(|| {
            let (mut sender, mut receiver) = mailbox::<Box<u32>>(1);
            let producer = thread::spawn(move || {
                for number in 0..2 {
                    let mut mail = Box::new(number);
                    while let Err(back) = sender.push(mail) {
                        mail = back;
                        thread::yield_now();
                    }
                }
            });
            for number in 0..2 {
                loop {
                    if let Some(mail) = receiver.pop() {
                        assert_eq!(*mail, number);
                        break;
                    }
                    thread::yield_now();
                }
            }
            assert!(receiver.pop().is_none());
            producer.join().unwrap();
        });
    }

    /// What was not taken is dropped by whoever lets go last; loom reports a leak or a double drop.
    #[test]
    fn what_is_left_is_dropped() {
        loom::model(|| {
            let (mut sender, mut receiver) = mailbox::<Arc<u32>>(2);
            let producer = thread::spawn(move || {
                drop(sender.push(Arc::new(1)));
                drop(sender.push(Arc::new(2)));
            });
            drop(receiver.pop());
            drop(receiver);
            producer.join().unwrap();
        });
    }

    /// Either the sleeper sees the mail before it sleeps, or the sender rings.
    #[test]
    fn no_wake_up_is_lost() {
        loom::model(|| {
            let (mut sender, receiver) = mailbox::<u32>(1);
            let flag = Arc::new(SleepFlag::new());
            let producer = thread::spawn({
                let flag = flag.clone();
                move || {
                    assert!(sender.push(7).is_ok());
                    (flag.claim(), sender)
                }
            });
            flag.announce();
            let sleeps = receiver.len() == 0;
            let (rang, _sender) = producer.join().unwrap();
            assert!(!sleeps || rang, "asleep with mail and nobody rang");
        });
    }

    /// The box is full and its sender goes to sleep: either it sees the room, or the receiver
    /// rings.
    #[test]
    fn no_room_is_lost() {
        loom::model(|| {
            let (mut sender, mut receiver) = mailbox::<u32>(1);
            assert!(sender.push(1).is_ok());
            let flag = Arc::new(SleepFlag::new());
            let consumer = thread::spawn({
                let flag = flag.clone();
                move || {
                    assert_eq!(receiver.pop(), Some(1));
                    (receiver.sender_starved() && flag.claim(), receiver)
                }
            });
            let refused = sender.push(2).is_err();
            flag.announce();
            let sleeps = refused && !sender.has_news();
            let (rang, _receiver) = consumer.join().unwrap();
            assert!(!sleeps || rang, "asleep with room and nobody rang");
        });
    }
}
