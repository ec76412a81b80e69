//! Other tasks of the same executor: how the ring's task knows whether one may run, or waits on
//! glommio.
//!
//! glommio does not say whether anything else is runnable, so guests are counted: [`spawn`] counts
//! their polls, [`outside`] counts their waits on glommio's own reactor. A guest must be spawned
//! through `spawn`, and must wrap every await of a glommio timer, file, channel or blocking call in
//! `outside`; else it waits until the ring's task happens to give way.

use std::{
    cell::Cell,
    future::{Future, poll_fn},
    pin::pin,
};

use crate::limits;

thread_local! {
    static WAITS: Cell<u32> = const { Cell::new(0) };
    static POLLS: Cell<u64> = const { Cell::new(0) };
    static WOKEN: Cell<bool> = const { Cell::new(false) };
}

/// Runs `future` beside the core, on its executor. Call it on a core's thread.
pub fn spawn(future: impl Future<Output = ()> + 'static) {
    WOKEN.set(true);
    glommio::spawn_local(async move {
        let mut future = pin!(future);
        poll_fn(|context| {
            POLLS.set(POLLS.get() + 1);
            future.as_mut().poll(context)
        })
        .await;
    })
    .detach();
}

/// Wraps an await that needs glommio's reactor, so that the core does not sleep in its ring
/// meanwhile.
pub async fn outside<F: Future>(future: F) -> F::Output {
    struct Held;
    impl Drop for Held {
        fn drop(&mut self) {
            WAITS.set(WAITS.get() - 1);
        }
    }
    WAITS.set(WAITS.get() + 1);
    let _held = Held;
    future.await
}

/// Says that the core woke a guest by other means than glommio, for example through a waker it
/// kept.
pub fn woken() {
    WOKEN.set(true);
}

/// Whether a guest waits on glommio.
pub(crate) fn any_waits() -> bool {
    WAITS.get() > 0
}

/// Lets woken guests run until none makes progress, in a bounded number of rounds. True when some
/// may still.
pub(crate) async fn run_woken() -> bool {
    if !WOKEN.take() {
        return false;
    }
    for _ in 0..limits::GUEST_ROUNDS {
        let polls = POLLS.get();
        glommio::executor().yield_now().await;
        if POLLS.get() == polls {
            return false;
        }
    }
    WOKEN.set(true);
    true
}
