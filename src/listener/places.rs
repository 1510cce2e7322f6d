//! How many there may be of something, in all and of each address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::peer::network;

/// How many places there are.
#[derive(Debug, Clone, Copy)]
pub struct Most {
    pub all: usize,
    /// Of one address, this machine's as well, where a setting says so.
    pub per_address: Option<usize>,
    /// Of one address otherwise. This machine then has as many as there are: services and proxies live here.
    pub elsewhere: usize,
}

/// All places. Clones share them.
#[derive(Debug, Clone)]
pub struct Places(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    most: Most,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    /// As many entries as there are taken places at most.
    of: HashMap<IpAddr, usize>,
}

/// Why there is no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Full {
    All { max: usize },
    Address { max: usize },
}

/// One place. It is free again when this is dropped.
#[derive(Debug)]
pub struct Place {
    places: Places,
    address: IpAddr,
}

impl Places {
    pub fn new(most: Most) -> Self {
        Self(Arc::new(Shared { most, taken: Mutex::default() }))
    }

    /// A place for whoever comes from `address`.
    ///
    /// # Errors
    /// Which bound is reached.
    pub fn take(&self, address: IpAddr) -> Result<Place, Full> {
        let address = network(address);
        let Most { all, per_address, elsewhere } = self.0.most;
        let most = per_address.unwrap_or(if address.is_loopback() { all } else { elsewhere });
        let mut taken = self.taken();
        if taken.all >= all {
            return Err(Full::All { max: all });
        }
        let of = taken.of.entry(address).or_default();
        if *of >= most {
            return Err(Full::Address { max: most });
        }
        *of += 1;
        taken.all += 1;
        drop(taken);
        Ok(Place { places: self.clone(), address })
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.0.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken();
        taken.all = taken.all.saturating_sub(1);
        if let Some(of) = taken.of.get_mut(&self.address) {
            *of -= 1;
            if *of == 0 {
                taken.of.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn no_address_takes_the_places_of_others() {
        let places = Places::new(Most { all: 5, per_address: Some(2), elsewhere: 1 });
        let (one, other) = (address("10.0.0.1"), address("127.0.0.1"));
        let held = [places.take(one).unwrap(), places.take(one).unwrap()];
        assert_eq!(places.take(one).unwrap_err(), Full::Address { max: 2 });
        assert_eq!(places.take(address("::ffff:10.0.0.1")).unwrap_err(), Full::Address { max: 2 });
        let others = [places.take(other).unwrap(), places.take(other).unwrap()];
        assert_eq!(places.take(other).unwrap_err(), Full::Address { max: 2 });
        let last = places.take(address("10.0.0.2")).unwrap();
        assert_eq!(places.take(address("10.0.0.3")).unwrap_err(), Full::All { max: 5 });
        drop(held);
        assert!(places.take(one).is_ok());
        drop((others, last));
        assert!(places.taken().of.is_empty() && places.taken().all == 0, "nothing is kept of who is gone");
    }

    #[test]
    fn without_a_setting_this_machine_has_all_places() {
        let places = Places::new(Most { all: 9, per_address: None, elsewhere: 4 });
        let of =
            |text: &str| (0..20).map_while(|_| places.take(address(text)).ok()).collect::<Vec<_>>().len();
        assert_eq!([of("127.0.0.1"), of("::1"), of("192.0.2.7")], [9, 9, 4]);
    }
}
