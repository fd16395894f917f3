//! Random bytes for ids. Each thread has a generator of its own, which the kernel has seeded once: a system call for each
//! request would cost more than all the rest of a trace's context. Ids must differ, they are no secrets.
//!
//! Only threads of httpd's children answer requests, and no child is forked from one that does: so no two processes have
//! the same generator.

use std::cell::Cell;

use rustix::rand::{GetRandomFlags, getrandom};

thread_local! {
    static GENERATOR: Cell<Option<Generator>> = const { Cell::new(None) };
}

/// xoshiro256++ (Blackman and Vigna): its period is 2^256 - 1, its state must not be zero.
#[derive(Clone, Copy)]
struct Generator([u64; 4]);

/// Bytes that nobody else has; `None` if the kernel has none, as very early at its start.
pub(super) fn bytes() -> Option<[u8; 24]> {
    let mut generator = GENERATOR.get().or_else(Generator::seeded)?;
    let mut bytes = [0; 24];
    for chunk in bytes.chunks_exact_mut(8) {
        chunk.copy_from_slice(&generator.next().to_le_bytes());
    }
    GENERATOR.set(Some(generator));
    Some(bytes)
}

impl Generator {
    fn seeded() -> Option<Self> {
        let mut seed = [0; 32];
        let count = getrandom(&mut seed[..], GetRandomFlags::NONBLOCK).ok()?;
        let mut state = [0; 4];
        for (word, bytes) in state.iter_mut().zip(seed.chunks_exact(8)) {
            *word = u64::from_le_bytes(bytes.try_into().ok()?);
        }
        (count == seed.len() && state != [0; 4]).then_some(Self(state))
    }

    fn next(&mut self) -> u64 {
        let [a, b, c, d] = &mut self.0;
        let result = a.wrapping_add(*d).rotate_left(23).wrapping_add(*a);
        let shifted = *b << 17;
        *c ^= *a;
        *d ^= *b;
        *b ^= *c;
        *a ^= *d;
        *c ^= shifted;
        *d = d.rotate_left(45);
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_generator_is_the_published_one() {
        let mut generator = Generator([1, 2, 3, 4]);
        let numbers = [(); 4].map(|()| generator.next());
        assert_eq!(numbers, [41_943_041, 58_720_359, 3_588_806_011_781_223, 3_591_011_842_654_386]);
    }

    #[test]
    fn no_bytes_come_twice() {
        let here = || (0..500).map(|_| bytes().unwrap()).collect::<Vec<_>>();
        let there = std::thread::spawn(here).join().unwrap();
        let all: BTreeSet<_> = here().into_iter().chain(there).collect();
        assert_eq!(all.len(), 1000);
    }
}
