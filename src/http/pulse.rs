//! Whether the engine answers, for whoever asks, however often.
//!
//! Probes are not counted, and whoever asks needs no key. So a question costs the engine a turn only now and then.

use std::time::{Duration, Instant};

use tokio::sync::Mutex;

use crate::clock;

/// An answer is as good as new for so long: no probe looks more often, and ten turns in a second cost nothing.
const FRESH: Duration = Duration::from_millis(100);

/// When the engine has answered last, and what.
#[derive(Debug, Default)]
pub struct Pulse<A>(Mutex<Option<(Instant, A)>>);

impl<A: Clone> Pulse<A> {
    /// Looks, unless somebody has done so since `asked`, or shortly before. One looks at a time; others wait for what it sees.
    pub(super) async fn feel<E>(
        &self,
        asked: Instant,
        look: impl Future<Output = Result<A, E>>,
    ) -> Result<A, E> {
        let mut seen = self.0.lock().await;
        if let Some((at, answer)) = seen.as_ref()
            && asked.saturating_duration_since(*at) < FRESH
        {
            return Ok(answer.clone());
        }
        let answer = look.await?;
        *seen = Some((clock::instant(), answer.clone()));
        Ok(answer)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::future::join_all;

    use super::*;

    #[tokio::test]
    async fn all_who_ask_meanwhile_hear_one_answer() {
        let (pulse, looks) = (Pulse::default(), AtomicUsize::new(0));
        let look = async |answer: Result<&'static str, ()>| {
            tokio::task::yield_now().await;
            looks.fetch_add(1, Ordering::Relaxed);
            answer
        };
        let asked = clock::instant();
        assert_eq!(pulse.feel(asked, look(Err(()))).await, Err(()));
        assert_eq!(looks.load(Ordering::Relaxed), 1);
        let all = join_all((0..100).map(|_| pulse.feel(asked, look(Ok("well"))))).await;
        assert!(all.iter().all(|answer| *answer == Ok("well")));
        assert_eq!(looks.load(Ordering::Relaxed), 2, "a failure is not kept, and an answer is");
        let later = clock::instant() + FRESH;
        assert_eq!(pulse.feel(later, look(Err(()))).await, Err(()), "it is looked at anew");
    }
}
