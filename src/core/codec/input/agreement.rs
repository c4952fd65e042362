//! Checks that the paths of an entry can be used together.

use super::plan::{Kind, element_depth};
use super::{InputError, Role};
use crate::codec::path::{self, Path, Segment};

pub(super) fn require_singular(role: Role, path: &Path) -> Result<(), InputError> {
    if path.is_singular() {
        return Ok(());
    }
    Err(InputError::NotSingular { role, path: path.to_string() })
}

/// Checks that one document can have a place for each of an entry's paths.
pub(super) fn require_agreement(paths: &[(Role, &Path)]) -> Result<(), InputError> {
    for (at, (role, path)) in paths.iter().enumerate() {
        for (_, earlier) in paths[..at].iter().filter(|(_, it)| it.root() == path.root()) {
            let (one, other) = (path.segments(), earlier.segments());
            let shared = one.iter().zip(other).take_while(|(one, other)| one == other).count();
            if Kind::of(one.get(shared)) != Kind::of(other.get(shared)) {
                let place = path::text_of(path.root(), &one[..shared]);
                return Err(InputError::Contradiction {
                    role: *role,
                    path: path.to_string(),
                    place,
                });
            }
        }
    }
    Ok(())
}

/// Checks that a value that is kept can be in a document that has a place for each of `others`.
pub(super) fn require_within(kept: &Path, others: &[&Path]) -> Result<(), InputError> {
    for other in others.iter().filter(|other| other.root() == kept.root()) {
        let (one, other) = (kept.segments(), other.segments());
        let shared = one.iter().zip(other).take_while(|(one, other)| one == other).count();
        let place = path::text_of(kept.root(), &one[..shared]);
        let fits = match (one.get(shared), Kind::of(other.get(shared))) {
            // Whatever is there is kept.
            (None, _) => true,
            (Some(Segment::Name(_)), found) => found == Kind::Object,
            (Some(_), found) => matches!(found, Kind::Array | Kind::Each),
        };
        if !fits {
            return Err(InputError::Contradiction {
                role: Role::Keep,
                path: kept.to_string(),
                place,
            });
        }
    }
    Ok(())
}

/// Checks that every item has a quantity beside it, in the same element of the list.
pub(super) fn require_beside(items: &Path, quantity: &Path) -> Result<(), InputError> {
    let element = &items.segments()[..element_depth(items)];
    let rest = quantity.segments().strip_prefix(element);
    let rest = rest.filter(|_| quantity.root() == items.root());
    if rest.is_some_and(|rest| !rest.contains(&Segment::Wildcard)) {
        return Ok(());
    }
    let start = path::text_of(items.root(), element);
    Err(InputError::QuantityElsewhere { quantity: quantity.to_string(), start })
}
