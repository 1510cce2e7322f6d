//! What is fuzzed: one function for each way by which bytes of others come in. Each takes any bytes, and panics where
//! a promise is broken. The fuzzer calls them, and `tests/it/corpus.rs` with every file of the corpus.

#![allow(dead_code, reason = "each target of the fuzzer calls one of them")]

use std::ops::ControlFlow;
use std::sync::OnceLock;

use gleitzeit::client::wire;
use gleitzeit::core::ids::Seq;
use gleitzeit::core::json_text::{compact, is_deeper_than};
use gleitzeit::core::limits::{Limits, SubmissionLimits};
use gleitzeit::core::template::{self, Resolved};
use gleitzeit::log::sim::SimDisk;
use gleitzeit::log::{AcceptLoss, Batch, Log, LogError, LogOptions, LogRead};
use gleitzeit::protocol::socket;
use gleitzeit::protocol::submit::{ContentType, Submission, parse_submission, parse_submit_event};
use gleitzeit::store::record;

pub type Entry = fn(&[u8]);

/// The name of each target, which is that of its folder in the corpus.
pub const TARGETS: [(&str, Entry); 6] = [
    ("log", log),
    ("submit_json", submit_json),
    ("submit_yaml", submit_yaml),
    ("template", template),
    ("socket", socket),
    ("packet", packet),
];

const SEGMENT_BYTES: u64 = 16 << 10;
const FRAME_BYTES: usize = 32;
/// `F5B7471C` and `F5B7471D` in the order of the file: a batch, and a note of a repair.
const MAGICS: [[u8; 4]; 2] = [[0x1C, 0x47, 0xB7, 0xF5], [0x1D, 0x47, 0xB7, 0xF5]];

/// A log with a few sound batches, the places of their frames in its file, and the salt of that file.
struct Sound {
    disk: SimDisk,
    file: String,
    frames: Vec<usize>,
    salt: [u8; 8],
}

fn sound() -> &'static Sound {
    static SOUND: OnceLock<Sound> = OnceLock::new();
    SOUND.get_or_init(|| {
        let disk = SimDisk::new(1);
        let (mut log, _) =
            disk.open_log(LogOptions::simulated(SEGMENT_BYTES)).expect("an empty disk takes a log");
        for number in 0..4_u8 {
            let mut batch = Batch::new(log.next_seq());
            for record in 0..=number {
                batch.push(|body| body.extend([record; 9]), ["{\"a\":1}", "\"text\""].into_iter());
            }
            log.append(&mut batch).expect("there is room");
        }
        drop(log);
        let contents = disk.contents();
        let (file, bytes) = contents
            .into_iter()
            .find(|(name, _)| name.strip_suffix(".seg").is_some())
            .expect("there is a segment");
        let frames: Vec<usize> = places(&bytes).collect();
        let salt = bytes[frames[0] + 24..][..8].try_into().expect("eight bytes");
        Sound { disk, file, frames, salt }
    })
}

/// Where a frame may begin.
fn places(bytes: &[u8]) -> impl Iterator<Item = usize> + '_ {
    (0..bytes.len().saturating_sub(FRAME_BYTES))
        .filter(|at| MAGICS.contains(&bytes[*at..][..4].try_into().unwrap_or_default()))
}

/// Gives every frame the salt of the file and a right checksum, so that the bytes get further than the first look.
fn seal(bytes: &mut [u8], salt: [u8; 8]) {
    let found: Vec<usize> = places(bytes).collect();
    for at in found {
        let frame = &mut bytes[at..];
        frame[24..32].copy_from_slice(&salt);
        let length = u32::from_le_bytes(frame[8..12].try_into().expect("four bytes")) as usize;
        let Some(whole) = frame.get_mut(..FRAME_BYTES.saturating_add(length)) else { continue };
        let crc = crc32c::crc32c_append(crc32c::crc32c(&whole[..4]), &whole[8..]);
        whole[4..8].copy_from_slice(&crc.to_le_bytes());
    }
}

/// A segment whose tail is these bytes, behind some of its own batches: the first byte says behind how many, and whether
/// frames among the bytes get right checksums. A log opens, or is refused as damaged and opens after a repair; what can
/// be read of it is read.
pub fn log(data: &[u8]) {
    let Some((how, tail)) = data.split_first() else { return };
    let sound = sound();
    let begin = sound.frames[usize::from(how >> 1) % sound.frames.len()];
    let mut tail = tail.to_vec();
    if how & 1 == 1 {
        seal(&mut tail, sound.salt);
    }
    let disk = sound.disk.killed();
    disk.tamper(&sound.file, |bytes| {
        let end = bytes.len().min(begin + tail.len());
        bytes[begin..end].copy_from_slice(&tail[..end - begin]);
    });
    let disk = disk.killed();
    let _ = disk.verify();
    match disk.killed().open_log(LogOptions::simulated(SEGMENT_BYTES)) {
        Ok((log, _)) => read_all(log.reader().as_ref()),
        Err(LogError::Damaged(_)) => {
            disk.repair(AcceptLoss).expect("what is damaged can be repaired");
            assert_eq!(disk.verify().expect("a repaired log can be read").damage, []);
            let (log, _) = disk.open_log(LogOptions::simulated(SEGMENT_BYTES)).expect("a repaired log opens");
            read_all(log.reader().as_ref());
        }
        Err(_) => {}
    }
}

fn read_all(log: &dyn LogRead) {
    let mut next = log.first_seq();
    // A payload may be damaged inside a batch with a right checksum; then it is refused when it is read.
    let _ = log.scan(next, &mut |view| {
        assert!(view.seq >= next, "the order of the records");
        next = Seq(view.seq.0 + 1);
        let _ = record::decode(&view);
        for part in 0..4 {
            let _ = log.part(view.seq, part);
        }
        ControlFlow::Continue(())
    });
}

/// A body is refused, or becomes a workflow whose tasks depend on tasks that are there.
pub fn submit_json(data: &[u8]) {
    let limits = SubmissionLimits::default();
    if let Ok(submission) = parse_submission(data, ContentType::Json, &limits) {
        check(&submission);
    }
    if let Ok(text) = std::str::from_utf8(data)
        && let Ok(submission) = parse_submit_event(text, &limits)
    {
        check(&submission);
    }
}

pub fn submit_yaml(data: &[u8]) {
    if let Ok(submission) = parse_submission(data, ContentType::Yaml, &SubmissionLimits::default()) {
        check(&submission);
    }
}

fn check(submission: &Submission) {
    let spec = &submission.spec;
    let total = spec.total();
    for index in 0..total {
        let dependencies = &spec.task(index).dependencies;
        assert!(
            dependencies.iter().all(|other| *other < total && *other != index),
            "task {index}: {dependencies:?}"
        );
    }
}

/// Parameters and a result, with a line of its own between them. What comes out is JSON when both were.
pub fn template(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (parameters, result) = text.split_once('\n').unwrap_or((text, "{\"a\":[1,{\"b\":\"x\"}]}"));
    let _ = template::may_occur(parameters);
    let _ = template::references(parameters, &|name| (name == "A").then_some(0));
    let lookup = |name: &str| (name == "A").then_some(Resolved { result: Some(result) });
    let filled = template::fill(parameters, "t", &lookup);
    let sound = |json: &str| {
        !is_deeper_than(json.as_bytes(), 100) && serde_json::from_str::<serde_json::Value>(json).is_ok()
    };
    if sound(parameters) && sound(result) {
        let _ = compact(parameters);
        if let Ok(filled) = filled {
            assert!(filled.len() <= template::OUTPUT_BYTES_MAX);
            serde_json::from_str::<serde_json::Value>(&filled).expect("filled parameters are JSON");
        }
    }
}

/// The text of an event as a client sends it, read as whatever it may be.
pub fn socket(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let _ = socket::event_name(text);
    let Some(payload) = socket::payload_of(text) else { return };
    let limits = Limits::default();
    let _ = socket::first_argument(payload, socket::read::<socket::AuthenticatePayload<'_>>);
    let _ = socket::first_argument(payload, socket::read::<socket::SubscribePayload<'_>>);
    let _ = socket::first_argument(payload, socket::read::<socket::GetMetricsPayload<'_>>);
    let _ = socket::first_argument(payload, socket::read::<socket::WatchPayload<'_>>);
    let _ = socket::first_argument(payload, socket::read::<socket::WorkflowPayload<'_>>);
    let _ = socket::first_argument(payload, socket::read::<socket::StatsPayload<'_>>);
    let _ = socket::first_argument(payload, |payload| parse_submit_event(payload, &limits.submission));
    if let Ok(register) = socket::first_argument(payload, socket::read::<socket::RegisterPayload<'_>>) {
        let _ = (register.facts(), register.active());
    }
    if let Ok(heartbeat) = socket::first_argument(payload, socket::read::<socket::HeartbeatPayload<'_>>) {
        let _ = heartbeat.heartbeat();
    }
    if let Ok(status) = socket::first_argument(payload, socket::read::<socket::StatusPayload<'_>>) {
        let _ = status.status();
    }
    if let Ok(accepted) = socket::first_argument(payload, socket::read::<socket::AcceptedPayload<'_>>) {
        let _ = (accepted.task(), accepted.attempt());
    }
    if let Ok(progress) = socket::first_argument(payload, socket::read::<socket::ProgressPayload<'_>>) {
        let _ = (progress.task(), progress.attempt(), progress.progress());
    }
    if let Ok(completed) = socket::first_argument(payload, socket::read::<socket::CompletedPayload<'_>>) {
        let _ = (completed.task(), completed.attempt(), completed.usage(), completed.result(&limits));
    }
    if let Ok(failed) = socket::first_argument(payload, socket::read::<socket::FailedPayload<'_>>) {
        let _ = (failed.task(), failed.attempt(), failed.report());
    }
}

/// A frame as a server sends it to the clients.
pub fn packet(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let _ = wire::decode(text);
}
