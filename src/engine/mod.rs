//! The single writer: turns commands into durable events, and only then acts on the world.
//!
//! [`Engine::step`] is synchronous and knows neither clocks nor disks. `turns` feeds it from the inbox, `commit`
//! makes its records durable, `dispatch` performs what the records allow.

mod admission;
mod assign;
mod commit;
mod condition;
mod dispatch;
mod doorkeeper;
mod feed;
mod gate;
mod handle;
mod keep;
mod letters;
mod lookup;
mod measure;
mod query;
mod retention;
mod sampling;
mod scrub;
mod start;
mod step;
mod subscriptions;
mod turn;
mod turns;
mod verify;
mod views;
mod workers;
mod writing;

pub use crate::store::record::{CodecError, decode, encode};
pub use admission::Admission;
pub use assign::{Assigned, Assignment, Traces};
pub use commit::{CommitStatus, Committer};
pub use condition::{Condition, LogCheck, Noted};
pub use dispatch::{Announcement, Outlet, Stopped, Undelivered};
pub use doorkeeper::Doorkeeper;
pub use feed::{Feed, FeedItem, Published};
pub use handle::EngineHandle;
pub use keep::{Keep, KeepTerms};
pub use letters::{Letter, LetterPlace, Letters};
pub use lookup::{Found, Lookup};
pub use query::EnginePicture;
pub use retention::{Kept, Retention};
pub use sampling::Sampler;
pub use scrub::{Scrub, ScrubBell, Scrubbing};
pub use start::{EngineParts, Prepared, ReplayError, Running, prepare, replay};
pub use step::{Engine, Input, View};
pub use turn::{Accepted, Answer, Output, Reply, Turn};
pub use verify::{Checked, verify};
pub use views::{FailurePage, Views};
pub use workers::{GonePicture, ServicePicture, WorkerPicture};
pub use writing::{Durable, Writing, Written};
