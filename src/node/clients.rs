//! Owns the table of one core's clients.

use hyperion_runtime::ConnectionId;

use crate::front::Client;

/// Clients by their connection's place. One is taken out while its commands run.
#[derive(Debug, Default)]
pub(crate) struct Clients {
    places: Vec<Option<Box<Client>>>,
    count: usize,
}

impl Clients {
    /// The client whose place a new connection takes: it is closed, and the word of that is still on its way.
    pub(crate) fn in_place_of(&self, connection: ConnectionId) -> Option<ConnectionId> {
        self.places.get(connection.index as usize)?.as_deref().map(|client| client.connection)
    }

    pub(crate) fn add(&mut self, client: Client) {
        let at = client.connection.index as usize;
        if self.places.len() <= at {
            self.places.resize_with(at + 1, || None);
        }
        self.places[at] = Some(Box::new(client));
        self.count += 1;
    }

    pub(crate) fn get(&mut self, connection: ConnectionId) -> Option<&mut Client> {
        let client = self.places.get_mut(connection.index as usize)?.as_deref_mut()?;
        (client.connection == connection).then_some(client)
    }

    pub(crate) fn view(&self, connection: ConnectionId) -> Option<&Client> {
        let client = self.places.get(connection.index as usize)?.as_deref()?;
        (client.connection == connection).then_some(client)
    }

    /// Takes a client out; [`Clients::put_back`] must follow.
    #[inline]
    pub(crate) fn take(&mut self, connection: ConnectionId) -> Option<Box<Client>> {
        self.places
            .get_mut(connection.index as usize)?
            .take_if(|client| client.connection == connection)
    }

    #[inline]
    pub(crate) fn put_back(&mut self, client: Box<Client>) {
        let at = client.connection.index as usize;
        self.places[at] = Some(client);
    }

    pub(crate) fn remove(&mut self, connection: ConnectionId) -> Option<Box<Client>> {
        let client = self.take(connection)?;
        self.count -= 1;
        Some(client)
    }

    pub(crate) fn len(&self) -> usize {
        self.count
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Client> {
        self.places.iter_mut().flatten().map(|client| &mut **client)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Client> {
        self.places.iter().flatten().map(|client| &**client)
    }
}
