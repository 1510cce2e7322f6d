//! Finding one thing, and listing many.

use std::ops::ControlFlow;

use super::bytes::Undecodable;
use super::error::StoreError;
use super::keys;
use super::kv::{Direction, Kv};
use super::pages;
use super::stored::Head;
use super::views::{Store, UsedKey, place_of};
use crate::core::ids::{Fingerprint, Seq, TaskId, Timestamp, WorkflowId};
use crate::core::listing::{Label, ListFilter, Listed, Place};
use crate::core::state::WorkflowStatus;

/// Workflows that one list call looks at; a longer search goes on with its cursor. These take some 10 ms.
const LIST_SCAN_MAX: usize = 20_000;
/// The same for a list that finds each of them by itself.
const LIST_LOOK_UPS_MAX: usize = 1_000;

impl Store {
    /// The archived workflow with this id, or the one that was submitted with this key before it expired, and the
    /// fingerprint of its body.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn find_submission(
        &self,
        id: WorkflowId,
        key: Option<Fingerprint>,
        now: Timestamp,
    ) -> Result<Option<(WorkflowId, Fingerprint)>, StoreError> {
        self.read(|kv| {
            if let Some(place) = place_of(kv, id)?
                && !self.is_beyond(place)
                && let Some(head) = pages::find(kv, place)?
            {
                return Ok(Some((id, Head::decode(&head)?.body())));
            }
            let Some(key) = key else { return Ok(None) };
            let Some(value) = kv.get(&keys::idempotency(key))? else { return Ok(None) };
            let used = UsedKey::decode(&value)?;
            let workflow = WorkflowId(u128::from_be_bytes(used.workflow));
            let body = Fingerprint(u128::from_be_bytes(used.body));
            Ok((!used.is_expired(now)).then_some((workflow, body)))
        })
    }

    /// The record that ended the archived workflow with this id.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn archived_end(&self, id: WorkflowId) -> Result<Option<Seq>, StoreError> {
        self.read(|kv| {
            let Some(place) = place_of(kv, id)?.filter(|place| !self.is_beyond(*place)) else {
                return Ok(None);
            };
            let Some(encoded) = pages::find(kv, place)? else { return Ok(None) };
            let head = Head::decode(&encoded)?;
            Ok(head.ended_seq.map(|distance| head.base(place).seq(distance)))
        })
    }

    /// The archived task whose own id is this UUID.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn find_task(&self, uuid: u128) -> Result<Option<TaskId>, StoreError> {
        self.read(|kv| {
            let Some(value) = kv.get(&keys::own_task(uuid))? else { return Ok(None) };
            let damaged = || Undecodable::new("a task's own id", "its value is no task");
            let (workflow, index) = value.split_first_chunk::<16>().ok_or_else(damaged)?;
            let index: [u8; 4] = index.try_into().map_err(|_| damaged())?;
            let workflow = WorkflowId(u128::from_be_bytes(*workflow));
            Ok(Some(TaskId::new(workflow, u32::from_be_bytes(index))))
        })
    }

    /// A page of archived workflows, the latest first. A search that looks at too many ends early and says where
    /// it goes on.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn list(
        &self,
        filter: &ListFilter,
        before: Option<Place>,
        limit: usize,
    ) -> Result<Listed, StoreError> {
        let mut page = Filling {
            filter,
            items_max: limit,
            labels: filter.labels(),
            looks_left: LIST_SCAN_MAX,
            more: false,
            listed: Listed::default(),
        };
        // Only ended workflows are archived.
        let archived: Vec<WorkflowStatus> =
            filter.statuses.iter().copied().filter(|status| status.has_ended()).collect();
        self.read(|kv| match archived.as_slice() {
            [] if !filter.statuses.is_empty() => Ok(()),
            [status @ (WorkflowStatus::Failed | WorkflowStatus::Cancelled)] => {
                page.looks_left = LIST_LOOK_UPS_MAX;
                by_status(kv, *status, before, &mut page)
            }
            _ => pages::scan_back(kv, before, &mut |place, head| page.look(place, head)),
        })?;
        Ok(Listed { next: page.listed.next.filter(|_| page.more), ..page.listed })
    }
}

impl Store {
    /// Places of archived workflows with failed tasks, the latest first, and whether there are more.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn with_failures(
        &self,
        before: Option<Place>,
        limit: usize,
    ) -> Result<(Vec<Place>, Option<Place>), StoreError> {
        let (from, to) = keys::all_failures(before);
        let (mut places, mut next, mut outcome) = (Vec::new(), None, Ok(()));
        self.read(|kv| {
            kv.range(&from, &to, Direction::Descending, &mut |key, _| {
                if places.len() == limit {
                    next = places.last().copied();
                    return ControlFlow::Break(());
                }
                if let Some(place) = keys::place_of_failures(key) {
                    places.push(place);
                    return ControlFlow::Continue(());
                }
                outcome = Err(Undecodable::new("the index of failures", "a key is no place").into());
                ControlFlow::Break(())
            })?;
            outcome
        })?;
        Ok((places, next))
    }
}

fn by_status(
    kv: &dyn Kv,
    status: WorkflowStatus,
    before: Option<Place>,
    page: &mut Filling<'_>,
) -> Result<(), StoreError> {
    let (from, to) = keys::statuses(status, before);
    let mut outcome = Ok(());
    kv.range(&from, &to, Direction::Descending, &mut |key, _| {
        let looked = keys::place_of_status(key)
            .ok_or_else(|| Undecodable::new("the index of statuses", "a key is no place").into())
            .and_then(|place| match pages::find(kv, place)? {
                Some(head) => page.look(place, &head),
                // It is being put in or taken out right now.
                None => Ok(ControlFlow::Continue(())),
            });
        looked.unwrap_or_else(|error| {
            outcome = Err(error);
            ControlFlow::Break(())
        })
    })?;
    outcome
}

/// A page of a list in the making.
struct Filling<'a> {
    filter: &'a ListFilter,
    labels: Vec<Label>,
    items_max: usize,
    looks_left: usize,
    /// Whether it ended before the list did.
    more: bool,
    listed: Listed,
}

impl Filling<'_> {
    fn look(&mut self, place: Place, head: &[u8]) -> Result<ControlFlow<()>, StoreError> {
        if self.listed.items.len() >= self.items_max || self.looks_left == 0 {
            self.more = true;
            return Ok(ControlFlow::Break(()));
        }
        let head = Head::decode(head)?;
        let created_at = head.base(place).time;
        if self.filter.accepts_head(head.name, head.status(), created_at)
            && self.labels.iter().all(|label| head.has_label(*label))
        {
            self.listed.items.push(head.summary(place));
        }
        self.looks_left -= 1;
        self.listed.next = Some(place);
        Ok(ControlFlow::Continue(()))
    }
}
