//! Which slot a request goes to: the choice, pure, and the reservation that goes with it.
//!
//! A reservation is made with one compare-and-swap in the shared area and never exceeds the group's `threads`, so
//! behind each there is an idle thread ([`contract::area`]). It is a value here: dropped, it is given back; once a
//! worker has it, [`Reservation::hand_over`] says so.

use std::sync::atomic::{AtomicUsize, Ordering};

use contract::area::Slot;

/// What the choice looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Candidate {
    /// The worker wants requests.
    pub(super) accepting: bool,
    /// Its reserved threads.
    pub(super) reserved: u32,
    /// This process holds an idle connection to it.
    pub(super) kept: bool,
}

/// The accepting slot with the fewest reserved threads, below `threads`. Of several, one with a kept connection; of
/// several of those, the next after `turn`, so that ties go round.
pub(super) fn pick(
    candidates: impl ExactSizeIterator<Item = Candidate>,
    threads: u32,
    turn: usize,
) -> Option<usize> {
    let count = candidates.len().max(1);
    let first = turn % count;
    candidates
        .enumerate()
        .filter(|(_, slot)| slot.accepting && slot.reserved < threads)
        .min_by_key(|(index, slot)| (slot.reserved, !slot.kept, (index + count - first) % count))
        .map(|(index, _)| index)
}

/// A thread reserved in a slot.
#[derive(Debug)]
pub(super) struct Reservation<'g> {
    place: &'g Slot,
    /// The slot's number.
    pub(super) slot: usize,
    /// The worker that was there; only ever compared.
    pub(super) pid: u32,
    ours: bool,
}

/// Reserves a thread in the best slot; `None` when no slot has one.
pub(super) fn reserve<'g>(
    slots: &'g [Slot],
    threads: u32,
    turn: &AtomicUsize,
    kept: impl Fn(usize) -> bool,
) -> Option<Reservation<'g>> {
    // Others reserve at the same time, so a choice can fail; each failure means that somebody else went ahead.
    for _ in 0..slots.len().saturating_mul(4) {
        let candidates = slots.iter().enumerate().map(|(index, slot)| Candidate {
            accepting: slot.accepting.load(Ordering::SeqCst) != 0,
            reserved: slot.reserved.load(Ordering::SeqCst),
            kept: kept(index),
        });
        let slot = pick(candidates, threads, turn.load(Ordering::Relaxed))?;
        turn.store(slot + 1, Ordering::Relaxed);
        let place = slots.get(slot)?;
        if place.try_reserve(threads) {
            return Some(Reservation { place, slot, pid: place.pid.load(Ordering::SeqCst), ours: true });
        }
    }
    None
}

impl Reservation<'_> {
    /// The worker has it now: the thread that ends the request gives it back.
    pub(super) fn hand_over(&mut self) {
        self.ours = false;
    }

    /// The worker has said GOAWAY, and so never had it.
    pub(super) fn take_back(&mut self) {
        self.ours = true;
    }
}

impl Drop for Reservation<'_> {
    fn drop(&mut self) {
        if self.ours {
            self.place.release();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::area::Area;

    fn slot(reserved: u32, kept: bool) -> Candidate {
        Candidate { accepting: true, reserved, kept }
    }

    fn pick_of(candidates: &[Candidate], turn: usize) -> Option<usize> {
        pick(candidates.iter().copied(), 3, turn)
    }

    #[test]
    fn the_least_reserved_slot_wins() {
        assert_eq!(pick_of(&[slot(2, false), slot(1, false), slot(2, false)], 0), Some(1));
        assert_eq!(pick_of(&[slot(1, true), slot(0, false)], 0), Some(1), "less busy beats kept");
        assert_eq!(pick_of(&[slot(1, false), slot(1, true)], 0), Some(1), "kept wins a tie");
    }

    #[test]
    fn ties_go_round() {
        let all = [slot(0, false); 4];
        let turns: Vec<_> = (0..6).map(|turn| pick_of(&all, turn)).collect();
        assert_eq!(turns, [Some(0), Some(1), Some(2), Some(3), Some(0), Some(1)]);
        let two_kept = [slot(0, true), slot(0, false), slot(0, true)];
        assert_eq!(pick_of(&two_kept, 1), Some(2));
        assert_eq!(pick_of(&two_kept, 3), Some(0));
    }

    #[test]
    fn full_and_closed_slots_are_left_out() {
        let closed = Candidate { accepting: false, reserved: 0, kept: true };
        assert_eq!(pick_of(&[closed, slot(3, true)], 0), None);
        assert_eq!(pick_of(&[closed, slot(2, false)], 0), Some(1));
        assert_eq!(pick_of(&[slot(u32::MAX, false)], usize::MAX), None);
        assert_eq!(pick_of(&[], 5), None);
    }

    #[test]
    fn reservations_spread_and_come_back() {
        let (area, _file) = Area::create(2, 1).unwrap();
        let turn = AtomicUsize::new(0);
        area.slots().iter().for_each(|slot| slot.accepting.store(1, Ordering::SeqCst));
        let held: Vec<_> = (0..4).map(|_| reserve(area.slots(), 2, &turn, |_| false).unwrap().slot).collect();
        assert_eq!(held, [0, 1, 0, 1], "each was given back, and ties go round");
        let all: Vec<_> = std::iter::from_fn(|| reserve(area.slots(), 2, &turn, |_| false)).collect();
        assert_eq!(all.len(), 4);
        assert!(area.slots().iter().all(|slot| slot.reserved.load(Ordering::SeqCst) == 2));
        drop(all);
        let mut one = reserve(area.slots(), 2, &turn, |_| false).unwrap();
        one.hand_over();
        let slot = one.slot;
        drop(one);
        assert_eq!(area.slots()[slot].reserved.load(Ordering::SeqCst), 1);
    }
}
