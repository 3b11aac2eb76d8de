package webui_test

import (
	"sync/atomic"
	"testing"

	"github.com/openclaw-go/openclaw/internal/gateway/wire"
)

// TestStandingRuleIsShownBeforeItIsStored: the card has the rule, what else it
// would let run, and sends the scope that was chosen.
func TestStandingRuleIsShownBeforeItIsStored(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	b := newTab(t)
	b.signIn(f)
	v := plainView("ap-9", "git")
	v["scopes"] = []string{"once", "session", "agent", "always"}
	v["standing"] = obj{"rules": [][]string{{"agent main may run exactly: git status", "program /usr/bin/git", "in /ws\u202e"}}, "looked": 500, "covered": 61,
		"also": []obj{{"seq": 7, "command": "git status", "became": "denied by owner"}},
		"near": []obj{{"what": "with one more word", "command": "git status --all", "verdict": "ask"}}}
	f.ask(v)
	b.open(f.url("/ui/approvals"))
	b.has("main wants to run git.")
	b.wait("document.querySelector('.card')?.dataset.armed === 'true'")
	b.click(".card details summary")
	for _, want := range []string{"agent main may run exactly: git status", "program /usr/bin/git", "61 of the last 500 decisions", "#7 git status: denied by owner", "asks: git status --all"} {
		b.has(want)
	}
	b.lacks("\u202e")
	if !js[bool](b, "document.querySelector('.card input[value=session]').checked") {
		t.Error("the narrowest is not chosen beforehand")
	}
	b.click(".card input[value=always]")
	b.wait("document.querySelector('.card')?.dataset.armed === 'true'")
	b.click("[data-do=allow-more]")
	b.has("for this agent until revoked")
	got := f.sent("exec.approval.resolve")
	if len(got) != 1 || got[0]["decision"] != "allow-always" || got[0]["scope"] != "always" || got[0]["digest"] != v["digest"] {
		t.Errorf("resolved with %v", got)
	}
	v = plainView("ap-10", "perl")
	v["noStanding"] = "perl carries code: inline code (-e)"
	f.ask(v)
	b.open(f.url("/ui/approvals/ap-10"))
	b.wait("document.querySelector('.card')?.dataset.armed === 'true'")
	b.click(".card details summary")
	b.has("No rule is offered: perl carries code")
	if js[bool](b, "Boolean(document.querySelector('.card input[value=always]'))") {
		t.Error("a rule is offered for code")
	}
	b.clean()
}

// TestStandingRulesAreListedAndRevoked: and what is not used says why.
func TestStandingRulesAreListedAndRevoked(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	var gone atomic.Bool
	f.on("exec.approvals.rules", func(obj) (any, *wire.Error) {
		rules := []obj{{"id": "r1", "agentId": "main", "text": []string{"agent main may run exactly: git status"}, "by": "cli"}}
		if gone.Load() {
			rules = []obj{}
		}
		return obj{"rules": rules, "unused": []obj{{"agentId": "main", "what": "/bin/bash", "reason": "it is a shell"}}}, nil
	})
	f.on("exec.approvals.rules.remove", func(obj) (any, *wire.Error) { gone.Store(true); return obj{}, nil })
	b := newTab(t)
	b.signIn(f)
	b.open(f.url("/ui/approvals?tab=rules"))
	b.has("agent main may run exactly: git status")
	b.has("not used: /bin/bash: it is a shell")
	b.click("[data-do=revoke]")
	b.has("No standing answers.")
	if got := f.sent("exec.approvals.rules.remove"); len(got) != 1 || got[0]["id"] != "r1" {
		t.Errorf("sent %v", got)
	}
	b.clean()
}
