//! What each role allows.

use serde::{Deserialize, Serialize};

/// Each of `readonly`, `user`, `operator` and `admin` may do what the one before it may. `service` stands beside them: it
/// runs tasks, and an operator may do that too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Role {
    /// Sees everything but webhooks, users and keys.
    Readonly,
    /// Submits workflows, and decides what becomes of them.
    User,
    /// Registers services and runs what they are given.
    Service,
    /// Drains services, says who is told of ends, stops the server.
    Operator,
    /// Says who may do what.
    Admin,
}

impl Role {
    pub const ALL: [Self; 5] = [Self::Readonly, Self::User, Self::Service, Self::Operator, Self::Admin];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Readonly => "readonly",
            Self::User => "user",
            Self::Service => "service",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == text)
    }

    /// Whether this role may do what asks for `least`.
    pub const fn covers(self, least: Self) -> bool {
        match self {
            Self::Admin => true,
            Self::Operator => !matches!(least, Self::Admin),
            Self::User => matches!(least, Self::User | Self::Readonly),
            Self::Readonly => matches!(least, Self::Readonly),
            Self::Service => matches!(least, Self::Service),
        }
    }

    /// What is left of it for somebody who has `other`: the lesser of the two, where one is.
    pub const fn within(self, other: Self) -> Option<Self> {
        if other.covers(self) {
            Some(self)
        } else if self.covers(other) {
            Some(other)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Role;

    #[test]
    fn every_role_covers_what_lies_below_it() {
        let covered = |role: Role| Role::ALL.into_iter().filter(|least| role.covers(*least)).count();
        assert_eq!(Role::ALL.map(covered), [1, 2, 1, 4, 5]);
        assert!(!Role::Service.covers(Role::Readonly) && !Role::User.covers(Role::Service));
        for role in Role::ALL {
            assert_eq!(Role::parse(role.name()), Some(role));
            assert_eq!(role.within(Role::Admin), Some(role));
        }
        assert_eq!(Role::parse("root"), None);
    }
}
