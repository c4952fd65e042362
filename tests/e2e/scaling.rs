//! More and fewer workers, as a user and as an autoscaler asks for them.

use super::load::Load;
use super::object::Object;

/// Scales from one worker to three, and lets an autoscaler go down to two.
pub fn scale(object: &Object, load: &mut Load) {
    let shop = &object.shop;
    shop.run(&["scale", "recon/shipping", "--replicas", "3"]);
    object.ready(3);
    load.flows("with 3 workers");

    shop.apply(include_str!("autoscaler.yaml"));
    let why = "the autoscaler asks for 2 workers";
    shop.until("recon/shipping", why, |object| object["spec"]["replicas"] == 2);
    shop.run(&["delete", "hpa", "shipping"]);
    object.ready(2);
    load.flows("with 2 workers, by an autoscaler");
}
