//! What the broker knows about a consumer group: who holds which partition, and its progress.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::groups::GroupInfo;
use rdkafka::{
    ClientConfig, Offset, TopicPartitionList,
    error::{KafkaError, RDKafkaErrorCode},
};

use crate::Failure;
use crate::topics::Inputs;

const WAIT_TIMEOUT: Duration = Duration::from_secs(10);

/// Observes a group from outside, without joining it.
pub(crate) struct Observer {
    consumer: BaseConsumer,
    group: String,
    inputs: Inputs,
}

impl Observer {
    pub(crate) fn new(bootstrap: &str, group: &str, inputs: &Inputs) -> Result<Self, Failure> {
        let consumer = ClientConfig::new()
            .set("bootstrap.servers", bootstrap)
            .set("group.id", group)
            .set("enable.auto.commit", "false")
            // Otherwise the query waits while a transaction with offsets is open.
            .set("isolation.level", "read_uncommitted")
            .create()?;
        Ok(Self { consumer, group: group.to_owned(), inputs: inputs.clone() })
    }

    /// Returns how many records the group has committed as processed.
    pub(crate) fn processed(&self) -> Result<i64, Failure> {
        let mut list = TopicPartitionList::new();
        for partition in 0..self.inputs.partitions {
            list.add_partition(&self.inputs.orders, partition);
            list.add_partition(&self.inputs.manufactured, partition);
        }
        let committed = match self.consumer.committed_offsets(list, WAIT_TIMEOUT) {
            Err(error) if has_no_coordinator(&error) => return Ok(0),
            committed => committed?,
        };
        let offsets = committed
            .elements()
            .iter()
            .map(|element| match element.offset() {
                Offset::Offset(offset) => offset,
                _ => 0,
            })
            .sum();
        Ok(offsets)
    }

    /// Returns the partitions of the orders topic that each member holds, by member id. A static
    /// member's id begins with its instance's name.
    pub(crate) fn holders(&self) -> Result<BTreeMap<String, Vec<i32>>, Failure> {
        let list = match self.consumer.fetch_group_list(Some(&self.group), WAIT_TIMEOUT) {
            Err(error) if has_no_coordinator(&error) => return Ok(BTreeMap::new()),
            list => list?,
        };
        let mut holders = BTreeMap::new();
        for member in list.groups().iter().flat_map(GroupInfo::members) {
            let partitions = member.assignment().and_then(|bytes| self.partitions(bytes));
            holders.insert(member.id().to_owned(), partitions.unwrap_or_default());
        }
        Ok(holders)
    }

    /// Reads the consumer protocol's assignment: version, then topics with their partitions.
    fn partitions(&self, assignment: &[u8]) -> Option<Vec<i32>> {
        let mut bytes = Bytes(assignment);
        bytes.take(2)?;
        for _ in 0..bytes.count()? {
            let length = bytes.take(2)?;
            let length = u16::from_be_bytes(length.try_into().ok()?);
            let is_orders = bytes.take(usize::from(length))? == self.inputs.orders.as_bytes();
            let partitions =
                (0..bytes.count()?).map(|_| bytes.count()).collect::<Option<Vec<i32>>>()?;
            if is_orders {
                return Some(partitions);
            }
        }
        None
    }
}

/// Returns whether the cluster has not assigned a coordinator to the group yet.
fn has_no_coordinator(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(
            RDKafkaErrorCode::NotCoordinator
                | RDKafkaErrorCode::CoordinatorLoadInProgress
                | RDKafkaErrorCode::CoordinatorNotAvailable
        )
    )
}

struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(head)
    }

    fn count(&mut self) -> Option<i32> {
        Some(i32::from_be_bytes(self.take(4)?.try_into().ok()?))
    }
}
