//! Variables that seldom have another value than in the first request of their interpreter: environs begin as a copy of
//! them, and only what differs is set. How an environ is made is in [`super::environ`].

use contract::names::{Name, Names};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

/// A dictionary that holds this many, and then loses some again, is copied with room for twice as many: an environ
/// has more than the 42 after which it would grow, that is hash all it has once more.
const ROOM: usize = 43;

/// The steady variables of one request.
pub(super) struct Usual {
    variables: Py<PyDict>,
    /// By the numbers of their names.
    values: [Option<Vec<u8>>; Name::ALL.len()],
    kept: Names,
}

impl Usual {
    /// Of no request yet: `constants`, and the names of variables that each environ sets, whatever their values.
    pub(super) fn new(constants: &Bound<'_, PyDict>, always: &[&Py<PyString>]) -> PyResult<Self> {
        let (py, variables) = (constants.py(), constants.copy()?);
        for name in always {
            variables.set_item(name.bind(py), py.None())?;
        }
        let values = [const { None }; Name::ALL.len()];
        Ok(Self { variables: variables.unbind(), values, kept: Names::default() })
    }

    /// Takes in a variable of the request, if it is a steady one.
    pub(super) fn keep(
        &mut self,
        name: Name,
        key: &Bound<'_, PyString>,
        value: &[u8],
        text: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        if let Some(kept) = self.values.get_mut(usize::from(name.number())).filter(|_| is_steady(name)) {
            self.variables.bind(key.py()).set_item(key, text)?;
            *kept = Some(value.to_vec());
            self.kept.add(name);
        }
        Ok(())
    }

    /// No more will come: makes room for others.
    pub(super) fn finish(&self, py: Python<'_>) -> PyResult<()> {
        let variables = self.variables.bind(py);
        // Their names are text, as all others: a dictionary that has had another key is slower for ever.
        let padding: Vec<_> = (variables.len()..ROOM).map(|number| format!("padding {number}")).collect();
        padding.iter().try_for_each(|name| variables.set_item(name, py.None()))?;
        padding.iter().try_for_each(|name| variables.del_item(name))
    }

    /// An environ that holds them.
    pub(super) fn copy<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        self.variables.bind(py).copy()
    }

    /// Whether a copy has this value already.
    pub(super) fn has(&self, name: Name, value: &[u8]) -> bool {
        matches!(self.values.get(usize::from(name.number())), Some(Some(kept)) if kept == value)
    }

    /// Takes out of a copy what is not in the request, which has `seen`.
    pub(super) fn remove_others(&self, copy: &Bound<'_, PyDict>, seen: Names) -> PyResult<()> {
        let others = self.kept.without(seen);
        if others == Names::default() {
            return Ok(());
        }
        others.iter().try_for_each(|name| copy.del_item(name.text()))
    }
}

/// What a client chooses freely is not among them, nor what differs from request to request.
fn is_steady(name: Name) -> bool {
    matches!(
        name,
        Name::ContextDocumentRoot
            | Name::ContextPrefix
            | Name::DocumentRoot
            | Name::HandlerScript
            | Name::ListenerHost
            | Name::ListenerPort
            | Name::MountPoint
            | Name::RequestHandler
            | Name::RequestMethod
            | Name::RequestScheme
            | Name::RequestScriptName
            | Name::ScriptFilename
            | Name::ScriptName
            | Name::ServerAddr
            | Name::ServerAdmin
            | Name::ServerName
            | Name::ServerPid
            | Name::ServerPort
            | Name::ServerProtocol
            | Name::ServerSoftware
    )
}
