// Package model has spin try every interleaving of a few threads in models of ioctx and of ioctx/rcu, and of as many broken ones.
// README.md says what the models hold and what they leave out.
//
// The environment may hold CI=true: then a missing spin or gcc makes the tests fail, where they are skipped elsewhere. With -short the
// largest state spaces are left out.
package model

import (
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
)

// search is one run of spin over all states of a model.
type search struct {
	model string
	defs  string // names of macros, some with a value
	large bool   // takes more than some seconds
	// ends has a second run show that no execution goes on for ever.
	ends bool
	// want is what spin must find wrong, as it says it; "": nothing.
	want string
}

func (s search) name() string { return strings.ReplaceAll(s.model+" "+s.defs, " ", ",") }

// The models as ioctx is.
var models = []search{
	{model: "kill", defs: "REQUESTS=2 CANCEL EXIT", large: true},
	{model: "kill", defs: "REQUESTS=2 EXIT SCRIBBLER", large: true},
	{model: "kill", defs: "REQUESTS=1 CANCEL EXIT SCRIBBLER", ends: true},
	{model: "stage", defs: "CANCEL", ends: true},
	{model: "stream", defs: "REQUESTS=2 READERS=1 AT_REST", large: true},
	{model: "stream", defs: "REQUESTS=1 READERS=2 AT_REST", ends: true},
	{model: "stream", defs: "REQUESTS=1 READERS=2", large: true},
	{model: "wait", defs: "REQUESTS=2 AT_REST"},
	{model: "wait", defs: "REQUESTS=2 AT_REST ATTACHED"},
	{model: "wait", defs: "REQUESTS=1", ends: true},
	{model: "wait", defs: "REQUESTS=1 ATTACHED", ends: true},
	{model: "sq", defs: "REQUESTS=3 CLIENT=BARRIER"},
	{model: "sq", defs: "REQUESTS=3 CLIENT=NO_BARRIER", ends: true},
	{model: "sq", defs: "REQUESTS=3 CLIENT=ALWAYS_RINGS"},
	{model: "sq", defs: "REQUESTS=3 CLIENT=NO_BARRIER WITHOUT_P2"},
	{model: "rcu", defs: "READERS=2 ROUNDS=2 UPDATERS=1 UPDATES=3", ends: true},
	{model: "rcu", defs: "READERS=2 ROUNDS=2 UPDATERS=2 UPDATES=2", large: true},
}

// What spin says where who waits is never woken.
const stuck = "invalid end state"

// Each breaks one rule, and must be caught for it.
var mutants = []search{
	{model: "kill", defs: "REQUESTS=1 MUTANT_NO_GRACE_PERIOD", want: "(users>0)"},
	{model: "kill", defs: "REQUESTS=1 MUTANT_OLD_ORDER", want: "(inFlight==0)"},
	{model: "kill", defs: "REQUESTS=2 MUTANT_NO_GRACE_PERIOD CONSEQUENCES", want: "((users>0)&& !(freed))"}, // submit after free
	{model: "kill", defs: "REQUESTS=2 MUTANT_OLD_ORDER CONSEQUENCES", want: "!(freed)"},                     // completion after free
	{model: "kill", defs: "REQUESTS=2 MUTANT_ONE_REFERENCE", want: "(req[k].refs>0)"},
	{model: "kill", defs: "REQUESTS=2 MUTANT_CANCEL_UNLINKS", want: "(req[i].refs>0)"},
	{model: "kill", defs: "REQUESTS=1 MUTANT_NO_SECTION", want: "!(gone)"},
	{model: "kill", defs: "REQUESTS=1 SCRIBBLER MUTANT_INFLIGHT_FROM_RING", want: "(inFlight==0)"},
	{model: "kill", defs: "REQUESTS=2 MUTANT_SLOTS_FROM_HEAD", want: "(((reqsAvailable+inFlight)+completedEvents)<=2)"},
	{model: "stage", defs: "MUTANT_EARLY_CANCEL_LOST", want: stuck},
	{model: "stage", defs: "MUTANT_LEAVE_LATE", want: "!(freed)"},
	{model: "stage", defs: "MUTANT_FINISH_BLIND", want: "!(freed)"},
	{model: "stage", defs: "MUTANT_STARTING_FIRST", want: "!(freed)"},
	{model: "stream", defs: "REQUESTS=1 READERS=2 AT_REST MUTANT_SHARED_CHANNEL", want: "((taken==1)&&(readers==0))"},
	{model: "stream", defs: "REQUESTS=1 READERS=2 AT_REST MUTANT_WAKE_BY_COUNT", want: "((taken==1)&&(readers==0))"},
	{model: "stream", defs: "REQUESTS=1 READERS=2 AT_REST MUTANT_TOKEN_STAYS", ends: true, want: "non-progress cycle"},
	{model: "wait", defs: "REQUESTS=1 MUTANT_WAKE_BEFORE_DEAD", want: stuck},
	{model: "wait", defs: "REQUESTS=1 MUTANT_CHECK_BEFORE_QUEUE", want: stuck},
	{model: "wait", defs: "REQUESTS=1 AT_REST ATTACHED MUTANT_NOTIFY_BEFORE_EVENT", want: "(taken==1)"},
	{model: "wait", defs: "REQUESTS=1 AT_REST ATTACHED MUTANT_ATTACH_BLIND", want: "(taken==1)"},
	{model: "sq", defs: "REQUESTS=3 CLIENT=BARRIER MUTANT_NO_RECHECK", want: "(head==published)"},
	{model: "sq", defs: "REQUESTS=3 CLIENT=BARRIER MUTANT_BIT_AFTER_CHECKS", want: "(head==published)"},
	{model: "sq", defs: "REQUESTS=3 CLIENT=NO_BARRIER MUTANT_NO_MEMBARRIER", want: "(head==published)"},
	{model: "sq", defs: "REQUESTS=3 CLIENT=BARRIER MUTANT_QUEUED_WHILE_LOOKING", want: "(head==published)"},
	{model: "rcu", defs: "READERS=2 ROUNDS=2 UPDATERS=1 UPDATES=3 MUTANT_NO_WAIT", want: "freed&(1<<found)"},
	{model: "rcu", defs: "READERS=2 ROUNDS=2 UPDATERS=1 UPDATES=3 MUTANT_NO_DRAIN_BEFORE_FLIP", want: "freed&(1<<found)"},
	{model: "rcu", defs: "READERS=2 ROUNDS=2 UPDATERS=1 UPDATES=3 MUTANT_NO_DRAIN_AFTER_FLIP", want: "freed&(1<<found)"},
	{model: "rcu", defs: "READERS=2 ROUNDS=2 UPDATERS=1 UPDATES=3 MUTANT_LAST_SLOT_LEFT_OUT", want: "freed&(1<<found)"},
}

func TestModels(t *testing.T) {
	needSpin(t)
	var states atomic.Int64
	t.Run("all", func(t *testing.T) {
		for _, s := range models {
			t.Run(s.name(), func(t *testing.T) {
				t.Parallel()
				if s.large && testing.Short() {
					t.Skip("a large state space")
				}
				states.Add(s.run(t, safety).exhaust(t))
				if s.ends {
					s.run(t, ends).exhaust(t)
				}
			})
		}
	})
	t.Logf("%d states of %d models", states.Load(), len(models))
}

func TestMutants(t *testing.T) {
	needSpin(t)
	for _, s := range mutants {
		t.Run(s.name(), func(t *testing.T) {
			t.Parallel()
			property := safety
			if s.ends {
				property = ends
			}
			switch r := s.run(t, property); {
			case r.violation == "":
				t.Errorf("not caught:\n%s", r.output)
			case !strings.Contains(r.violation, s.want):
				t.Errorf("caught by %q, want %q", r.violation, s.want)
			default:
				t.Logf("caught after %d states: %s", r.states, r.violation)
			}
		})
	}
}

// needSpin ends a test on a machine without spin, or without the gcc that it needs.
func needSpin(t *testing.T) {
	for _, program := range []string{"spin", "gcc"} {
		if _, err := exec.LookPath(program); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatalf("no model is checked without %s", program)
			}
			t.Skipf("no model is checked without %s", program)
		}
	}
}
