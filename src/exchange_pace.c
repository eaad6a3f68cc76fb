/* SPDX-License-Identifier: MIT
 *
 * exchange_pace - how fast may the bodies of this request go?
 *
 * `bandwidth` is of a connection, each way: what one request leaves of its
 * budget the next one finds, so that many small ones are no faster than a large
 * one. Budgets are filled by the time that went by, in steps: all that wait for
 * theirs are stepped in the same turns of the loop.
 *
 * While a flow waits for its budget nobody is to blame for the silence: all
 * clocks of patience stand still, by being put forward afterwards.
 */
#include "exchange_parts.h"

enum {
	STEP_MS = 32,     /* time between two fillings ... */
	STEP_LEAST = 256, /* ... or as long as it takes to come by so many bytes */
	STEP_GRID = 16,   /* they fall on multiples of that; a power of two */
	STEPS_KEPT = 4    /* who was silent comes by no more than that */
};

static int64_t step_ms(uint64_t rate)
{
	uint64_t ms = STEP_LEAST * 1000 / rate;

	return ms > STEP_MS ? (int64_t)ms : STEP_MS;
}

/* Bytes, in so much time; of more than can be kept only that. */
static uint64_t worth(uint64_t rate, int64_t ms)
{
	int64_t most = STEPS_KEPT * step_ms(rate);

	return rate * (uint64_t)(ms < most ? ms : most) / 1000;
}

int64_t exchange_pace_due(const struct exchange *x)
{
	return (x->conn->paced_at + step_ms(x->r.route->options.bandwidth)) | (STEP_GRID - 1);
}

/* Never less than before: what has been announced must be able to go. */
static void fill(uint64_t *budget, uint64_t more, uint64_t most)
{
	if (*budget < most)
		*budget = most - *budget < more ? most : *budget + more;
}

static void fill_both(struct exchange *x)
{
	struct conn *conn = x->conn;
	uint64_t rate = x->r.route->options.bandwidth;
	uint64_t more = worth(rate, x->env->now - conn->paced_at), most = worth(rate, INT64_MAX);

	conn->paced_at = x->env->now;
	fill(x->r.up_flow.to ? &x->r.up_flow.budget : &conn->up_budget, more, most);
	fill(x->r.down_flow.to ? &x->r.down_flow.budget : &conn->down_budget, more, most);
}

void exchange_pace_flow(struct exchange *x, struct flow *f)
{
	struct conn *conn = x->conn;
	uint64_t rate = x->r.route->options.bandwidth;
	uint64_t left, most = worth(rate, INT64_MAX);

	x->r.paced = true;
	if (conn->paced_at == 0) {
		conn->paced_at = x->env->now;
		conn->up_budget = conn->down_budget = worth(rate, step_ms(rate));
	}
	left = f == &x->r.up_flow ? conn->up_budget : conn->down_budget;
	f->budget = left < most ? left : most;
	if (x->env->now >= exchange_pace_due(x))
		fill_both(x);
}

/* Is some flow out of budget? */
static bool is_held(const struct exchange *x)
{
	switch (x->r.state) {
	case EXCHANGE_AWAIT:
		return !x->r.up_over && x->r.up_flow.budget == 0;
	case EXCHANGE_SERVE:
		return x->r.down_flow.budget == 0;
	case EXCHANGE_RELAY:
	case EXCHANGE_TUNNEL:
		return (!x->r.up_over && x->r.up_flow.budget == 0) || x->r.down_flow.budget == 0;
	default:
		return false;
	}
}

void exchange_pace_before(struct exchange *x)
{
	int64_t held = x->r.held_since ? x->env->now - x->r.held_since : 0;

	x->r.window += held;
	x->r.moved_at += held;
	x->r.pace_at += held;
	x->r.held_since = 0;
	if (x->env->now >= exchange_pace_due(x))
		fill_both(x);
}

void exchange_pace_after(struct exchange *x)
{
	if (is_held(x))
		x->r.held_since = x->env->now;
}

void exchange_pace_end(struct exchange *x)
{
	if (x->r.up_flow.to)
		x->conn->up_budget = x->r.up_flow.budget;
	if (x->r.state == EXCHANGE_RELAY || x->r.state == EXCHANGE_SERVE || x->r.state == EXCHANGE_TUNNEL)
		x->conn->down_budget = x->r.down_flow.budget;
}
