//! Owns the way of lines from the threads that say them to the one that writes them: bounded, and nobody waits to say one.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam::channel::{Receiver, Sender, bounded};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};

use super::limits::{
    AGAIN, FLUSH_MAX, LINE_BYTES_MAX, LINES_MAX, TELL_DROPPED_EVERY, WAITING_BYTES_MAX,
};

/// The queue of this process; a process has one standard error.
static QUEUE: OnceLock<Queue> = OnceLock::new();

#[derive(Debug, Default)]
struct Counts {
    waiting_bytes: AtomicUsize,
    /// Lines that were said, and those of them that were written or dropped.
    said: AtomicU64,
    done: AtomicU64,
    dropped: AtomicU64,
}

/// The end of the queue where lines are said.
#[derive(Clone, Debug)]
pub(super) struct Queue {
    lines: Sender<Vec<u8>>,
    counts: Arc<Counts>,
}

/// Lines that were dropped since the start.
pub(crate) fn dropped() -> u64 {
    QUEUE.get().map_or(0, |queue| queue.counts.dropped.load(Ordering::Relaxed))
}

/// Waits until all that was said is written, a second at most: before the process ends.
pub(crate) fn flush() {
    if let Some(queue) = QUEUE.get() {
        queue.flush(FLUSH_MAX);
    }
}

impl Queue {
    /// Starts the thread that writes to standard error; the process has one.
    pub(super) fn of_process() -> &'static Self {
        QUEUE.get_or_init(|| {
            let (queue, lines) = Self::new();
            let counts = Arc::clone(&queue.counts);
            // Without the thread all lines are dropped, and the node serves.
            let _ = thread::Builder::new()
                .name("log".to_owned())
                .spawn(move || write_lines(&lines, &counts, &mut io::stderr()));
            queue
        })
    }

    fn new() -> (Self, Receiver<Vec<u8>>) {
        let (sender, lines) = bounded(LINES_MAX);
        (Self { lines: sender, counts: Arc::default() }, lines)
    }

    /// Says a line, or drops it where there is no room; never waits.
    fn say(&self, line: &[u8]) {
        let mut line = line.to_vec();
        if line.len() > LINE_BYTES_MAX {
            line.truncate(LINE_BYTES_MAX - 1);
            line.push(b'\n');
        }
        let counts = &self.counts;
        counts.said.fetch_add(1, Ordering::Relaxed);
        let bytes = line.len();
        let waiting = counts.waiting_bytes.fetch_add(bytes, Ordering::Relaxed);
        let is_taken = waiting + bytes <= WAITING_BYTES_MAX && self.lines.try_send(line).is_ok();
        if !is_taken {
            counts.dropped.fetch_add(1, Ordering::Relaxed);
            counts.is_done(bytes);
        }
    }

    fn flush(&self, longest: Duration) {
        let said = self.counts.said.load(Ordering::Relaxed);
        let deadline = Instant::now() + longest;
        while self.counts.done.load(Ordering::Acquire) < said && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Says why the process ends: what waits goes first, and makes room.
    pub(super) fn say_last(&self, text: &str) {
        self.flush(FLUSH_MAX);
        self.say(format!("{text}\n").as_bytes());
        self.flush(FLUSH_MAX);
    }
}

impl Counts {
    fn is_done(&self, bytes: usize) {
        self.waiting_bytes.fetch_sub(bytes, Ordering::Relaxed);
        self.done.fetch_add(1, Ordering::Release);
    }
}

impl Write for &Queue {
    /// One line: the formatter gives each whole.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.say(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Queue {
    type Writer = &'a Queue;

    fn make_writer(&'a self) -> Self::Writer {
        self
    }
}

/// The thread: writes what is said, until nobody is left who could say something.
fn write_lines(lines: &Receiver<Vec<u8>>, counts: &Counts, out: &mut impl Write) {
    let (mut told, mut told_at): (u64, Option<Instant>) = (0, None);
    while let Ok(line) = lines.recv() {
        write_whole(out, &line);
        counts.is_done(line.len());
        let dropped = counts.dropped.load(Ordering::Relaxed);
        let is_time = told_at.is_none_or(|at| at.elapsed() >= TELL_DROPPED_EVERY);
        if dropped > told && (lines.is_empty() || is_time) {
            write_whole(out, sentence_of(dropped - told).as_bytes());
            (told, told_at) = (dropped, Some(Instant::now()));
        }
    }
}

fn sentence_of(dropped: u64) -> String {
    let mut line = String::new();
    // Nothing but memory is written to, and the time may be missing.
    let _ = SystemTime.format_time(&mut Writer::new(&mut line));
    let _ = writeln!(
        line,
        "  WARN {dropped} lines of the log were dropped: standard error was not read in time"
    );
    line
}

/// Whoever reads may be slow, or gone: then the line is lost, and there is nobody to tell.
fn write_whole(out: &mut impl Write, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        match out.write(bytes) {
            Ok(0) => return,
            Ok(count) => bytes = &bytes[count..],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => thread::sleep(AGAIN),
            Err(_) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    /// Takes a line when a test allows it, and shows it.
    struct Gate {
        may: mpsc::Receiver<()>,
        shown: mpsc::Sender<String>,
    }

    impl Write for Gate {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            // The test may have ended.
            let _ = self.may.recv();
            let _ = self.shown.send(String::from_utf8_lossy(bytes).into_owned());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn gated() -> (Queue, mpsc::Sender<()>, mpsc::Receiver<String>) {
        let (queue, lines) = Queue::new();
        let (open, may) = mpsc::channel();
        let (shown, seen) = mpsc::channel();
        let counts = Arc::clone(&queue.counts);
        thread::spawn(move || write_lines(&lines, &counts, &mut Gate { may, shown }));
        (queue, open, seen)
    }

    #[test]
    fn who_says_something_does_not_wait_and_what_is_dropped_is_told() {
        let (queue, open, seen) = gated();
        let lines = LINES_MAX + 100;
        for number in 0..lines {
            queue.say(format!("line {number}\n").as_bytes());
        }
        let dropped = queue.counts.dropped.load(Ordering::Relaxed);
        // One may be in the hands of the thread.
        assert!((99..=100).contains(&dropped), "{dropped}");
        // The end does not wait for a reader that does not read.
        queue.flush(Duration::from_millis(5));
        (0..=lines).for_each(|_| open.send(()).unwrap());
        queue.flush(Duration::from_secs(60));
        assert_eq!(queue.counts.waiting_bytes.load(Ordering::Relaxed), 0);
        let seen: Vec<String> =
            (0..=lines - usize::try_from(dropped).unwrap()).map(|_| seen.recv().unwrap()).collect();
        assert_eq!(seen[0], "line 0\n");
        let told = format!("  WARN {dropped} lines of the log were dropped");
        assert_eq!(seen.iter().filter(|line| line.contains(&told)).count(), 1, "{seen:?}");
    }

    #[test]
    fn long_lines_are_cut_and_bounded_together() {
        let (queue, open, seen) = gated();
        let long = vec![b'x'; 4 * LINE_BYTES_MAX];
        let taken = WAITING_BYTES_MAX / LINE_BYTES_MAX;
        (0..=taken).for_each(|_| queue.say(&long));
        assert!(queue.counts.waiting_bytes.load(Ordering::Relaxed) <= WAITING_BYTES_MAX);
        assert_eq!(queue.counts.dropped.load(Ordering::Relaxed), 1);
        open.send(()).unwrap();
        let first = seen.recv().unwrap();
        assert_eq!((first.len(), first.ends_with("x\n")), (LINE_BYTES_MAX, true));
    }

    #[test]
    fn the_last_line_is_written_before_the_end() {
        let (queue, open, seen) = gated();
        (0..3).for_each(|_| open.send(()).unwrap());
        queue.say(b"one\n");
        queue.say_last("hyperiond: why it ends");
        let seen: Vec<String> = seen.try_iter().collect();
        assert_eq!(seen, ["one\n", "hyperiond: why it ends\n"]);
    }
}
