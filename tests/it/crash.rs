//! R3: `kill -9` of the real binary under load, again and again. Whatever was answered must still be so after the
//! restart, and nothing is accepted twice.

mod journal;
mod submitter;
mod verify;
mod worker;

use std::time::Duration;

use journal::Journal;
use submitter::Submitters;
use verify::Counted;
use worker::{Kind, Worker};

use crate::harness::{PATIENCE, Server, figure, until};

/// Cycles where nobody asks for more; the long half has 100.
const CYCLES: u64 = 20;
const SUBMITTERS: usize = 3;
/// Ready again: the promise of one second is that of a release build on a quiet machine, and is measured and printed
/// there. This is a debug build among other tests; what it proves is that nothing waits for a deadline at the start,
/// the shortest of which are ten seconds. What waits would do so at most starts; a machine that is busy for a while
/// makes some of them slow.
const READY_LIMIT: Duration = Duration::from_secs(10);

#[test]
fn kill_under_load_loses_nothing_and_accepts_nothing_twice() {
    let cycles = figure("GLEITZEIT_CRASH_CYCLES", CYCLES);
    let data = tempfile::tempdir().expect("a temporary directory");
    let journal = Journal::default();
    // A small segment, so that the log rolls over during the test.
    let mut server = Server::start(data.path(), &["--segment-size", "1MiB"]);
    let mut ready_after = Vec::new();
    for cycle in 0..cycles {
        let workers = crew(&server, &journal);
        let submitters = Submitters::start(&server.url(), SUBMITTERS, cycle, &journal);
        // However slow the machine is, there is something to lose.
        until("the first answers", PATIENCE, || journal.has_unchecked().then_some(()));
        // A spread of moments that is the same in every run: nothing here depends on which one it is.
        std::thread::sleep(Duration::from_millis(80 + cycle * 97 % 350));
        server.kill();
        submitters.stop();
        workers.into_iter().for_each(Worker::stop);
        server.restart();
        ready_after.push(server.ready_after);
        verify::acknowledged_is_there(&server.rest(), &journal.take_unchecked());
    }
    let workers = crew(&server, &journal);
    let Counted { workflows, completions, events } = verify::all_ends_once(&server.rest(), &journal);
    workers.into_iter().for_each(Worker::stop);
    ready_after.sort_unstable();
    let usual = ready_after[ready_after.len() / 2];
    println!(
        "{cycles} kills, {workflows} workflows, {completions} acknowledged completions, {events} events, \
         ready after {usual:?}, {:?} at most",
        ready_after.last()
    );
    assert!(workflows >= cycles, "the load was no load: {workflows} workflows");
    assert!(completions >= cycles, "the load was no load: {completions} completions");
    assert!(usual < READY_LIMIT, "ready only after {usual:?}");
    let (status, _) = server.terminate();
    assert!(status.success(), "{status}");
}

/// One that fences and one that cannot, for the same tasks.
fn crew(server: &Server, journal: &Journal) -> [Worker; 2] {
    [Kind::Fencing, Kind::Earlier].map(|kind| Worker::start(&server.url(), kind, journal))
}
