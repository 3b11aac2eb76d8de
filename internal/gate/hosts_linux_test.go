//go:build amd64 || arm64

package gate_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/openclaw-go/openclaw/internal/approval"
	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/gate"
	"github.com/openclaw-go/openclaw/internal/journal"
	"github.com/openclaw-go/openclaw/internal/policy"
)

// asking is a cage whose programs reach a host that no rule and no command
// names; how says what a person answers to the question about it.
func asking(t *testing.T, how func(*cage, approval.View)) (c *cage, questions *atomic.Int32, hits *atomic.Int32) {
	t.Helper()
	hits, questions = &atomic.Int32{}, &atomic.Int32{}
	_, hole, at := server(t, func(w http.ResponseWriter, _ *http.Request) {
		hits.Add(1)
		_, _ = w.Write([]byte(webText + "\n"))
	})
	c = sandboxed(t, hole)
	c.rules.Egress.Mode = policy.EgressAsk
	c.put("fetch.sh", "for i in 1 2 3; do curl -sS -m 20 "+at+" & done; wait\n")
	c.put("many.sh", "for i in 1 2 3 4 5 6 7 8; do curl -sS -m 20 "+strings.Replace(at, "site", "site$i", 1)+"; done\n")
	t.Cleanup(c.desk.Subscribe(func(e approval.Event) {
		if e.Answer.State == approval.Waiting {
			questions.Add(1)
			how(c, e.View)
		}
	}))
	return c, questions, hits
}

func reply(decision, scope string) func(*cage, approval.View) {
	return func(c *cage, v approval.View) {
		go func() {
			if _, err := c.desk.Answer(approval.Reply{ID: v.ID, Decision: decision, Scope: scope, Digest: v.Digest, By: owner}); err != nil {
				c.t.Error(err)
			}
		}()
	}
}

// TestHostIsAskedWhileItRuns: a program that reaches for a host that nobody
// decided about waits for a person, once for all of its connections.
func TestHostIsAskedWhileItRuns(t *testing.T) {
	for name, tt := range map[string]struct {
		how     func(*cage, approval.View)
		command string
		asked   int32
		hits    int32
		says    string
	}{
		"allowed once": {reply(approval.AllowOnce, ""), "sh fetch.sh", 1, 3, "closed in August"},
		"denied":       {reply(approval.DenyIt, ""), "sh fetch.sh", 1, 0, "refused (approval.denied): a person denied this"},
		"expired": {func(c *cage, v approval.View) {
			go func() {
				c.world.now = c.world.now.Add(2 * approval.DefaultExpiry)
				c.desk.Expire()
			}()
		}, "sh fetch.sh", 1, 0, "refused (approval.expired): nobody answered in time"},
		"one after another, bounded": {reply(approval.AllowOnce, ""), "sh many.sh", 6, 6, "refused (egress.too_many_hosts)"},
	} {
		t.Run(name, func(t *testing.T) {
			c, questions, hits := asking(t, tt.how)
			out := c.run(tt.command, 0)
			if questions.Load() != tt.asked || hits.Load() != tt.hits || !strings.Contains(out.Text, tt.says) {
				t.Errorf("%d questions, %d requests: %s", questions.Load(), hits.Load(), out.Text)
			}
			if got := out.Labels.Has(untrusted); got != (tt.hits > 0) {
				t.Errorf("the output carries %v", out.Labels)
			}
		})
	}
}

// TestHostCardIsRecordedFirst: the card names host, program and session, and
// the record has the question before anybody sees it.
func TestHostCardIsRecordedFirst(t *testing.T) {
	var views []approval.View
	recorded := false
	c, _, _ := asking(t, func(c *cage, v approval.View) {
		views = append(views, v)
		c.memory.mu.Lock()
		recorded = slices.ContainsFunc(c.memory.entries, func(e journal.Entry) bool {
			r, ok := e.Data.(policy.Recorded)
			return ok && e.Event == journal.Decision && r.Rule == "egress.unknown_host" && r.Verdict == policy.Ask
		})
		c.memory.mu.Unlock()
		reply(approval.AllowOnce, "")(c, v)
	})
	c.run("sh fetch.sh", claw.Private)
	if len(views) != 1 || !recorded {
		t.Fatalf("%d cards, recorded first: %v", len(views), recorded)
	}
	v := views[0]
	if !strings.Contains(v.Headline, "site.example") || v.Session != c.session || len(v.Command) != 1 || v.Command[0][0] != "sh" || v.Rule != "egress.unknown_host" {
		t.Errorf("%+v", v)
	}
	host := slices.IndexFunc(v.Facts, func(f approval.Fact) bool { return f.Name == "Hosts" })
	program := slices.IndexFunc(v.Facts, func(f approval.Fact) bool { return f.Name == "Programs" })
	if !strings.HasPrefix(fmt.Sprint(v.Facts[host].Values), "[site.example:") || !strings.Contains(fmt.Sprint(v.Facts[program].Values), "/sh ") {
		t.Errorf("%+v", v.Facts)
	}
	var consents int
	for _, e := range c.memory.entries {
		if e.Event == journal.Consent {
			consents++
		}
	}
	if consents != 1 {
		t.Errorf("%d answers in the record", consents)
	}
}

// TestHostAllowedForTheSession: the same programs reach the same host again
// without a question, in this session only; a refusal is remembered too.
func TestHostAllowedForTheSession(t *testing.T) {
	c, questions, hits := asking(t, reply(approval.AllowAlways, approval.ScopeSession))
	c.run("sh fetch.sh", 0)
	c.run("sh fetch.sh", 0)
	if questions.Load() != 1 || hits.Load() != 6 {
		t.Errorf("%d questions, %d requests", questions.Load(), hits.Load())
	}
	c.session = "agent:main:other"
	c.run("sh fetch.sh", 0)
	if questions.Load() != 2 {
		t.Errorf("another session: %d questions", questions.Load())
	}
	c, questions, hits = asking(t, reply(approval.DenyIt, ""))
	c.run("sh fetch.sh", 0)
	out := c.run("sh fetch.sh", 0)
	if questions.Load() != 1 || hits.Load() != 0 || !strings.Contains(out.Text, "approval.denied_before") {
		t.Errorf("%d questions, %d requests: %s", questions.Load(), hits.Load(), out.Text)
	}
}

// TestHostWithNobodyToAsk: where nobody is there the answer is no, at once and
// without a question.
func TestHostWithNobodyToAsk(t *testing.T) {
	c, questions, hits := asking(t, reply(approval.AllowOnce, ""))
	c.alone = true
	out := c.run("sh fetch.sh", 0)
	c.alone = false
	call := c.callFor("exec", map[string]any{"command": "sh fetch.sh"}, 0)
	call.Unattended = true
	job := c.do(call)
	for _, o := range []gate.Outcome{out, job} {
		if !strings.Contains(o.Text, "nobody is there to be asked") || questions.Load() != 0 || hits.Load() != 0 {
			t.Errorf("%d questions, %d requests: %s", questions.Load(), hits.Load(), o.Text)
		}
	}
}

// TestHostQuestionEndsWithTheRun: a question that the run did not wait for is
// withdrawn; labels that grow while it waits void the answer.
func TestHostQuestionEndsWithTheRun(t *testing.T) {
	ended := make(chan approval.Event, 4)
	c, _, hits := asking(t, func(*cage, approval.View) {})
	t.Cleanup(c.desk.Subscribe(func(e approval.Event) {
		if e.Answer.State != approval.Waiting {
			ended <- e
		}
	}))
	out := c.use("exec", map[string]any{"command": "sh fetch.sh", "timeoutSeconds": 3}, 0)
	if out.Run == nil {
		t.Fatalf("%+v", out)
	}
	if e := <-ended; e.Answer.State != approval.Voided || !out.Run.TimedOut && out.Run.Signal == "" || hits.Load() != 0 {
		t.Errorf("%+v, run %+v", e.Answer, out.Run)
	}
	c, _, hits = asking(t, func(c *cage, v approval.View) {
		c.grow(claw.Untrusted)
		reply(approval.AllowOnce, "")(c, v)
	})
	if out := c.run("sh fetch.sh", 0); hits.Load() != 0 || !strings.Contains(out.Text, "approval.voided") {
		t.Errorf("%d requests: %s", hits.Load(), out.Text)
	}
}
