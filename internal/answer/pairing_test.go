package answer

import (
	"strings"
	"testing"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/policy"
)

// TestWhoIsPaired: a person that the home's store lets in is no stranger, and
// when the store cannot be read nobody is.
func TestWhoIsPaired(t *testing.T) {
	const text = `channels: {telegram: {accounts: {home: {botToken: "x", dmPolicy: "pairing", allowFrom: ["7"]}, work: {botToken: "y", dmPolicy: "pairing"}}}, slack: {botToken: "x", appToken: "y", dmPolicy: "allowlist"}}, commands: {ownerAllowFrom: ["telegram:1"]}`
	w := homeWith(t, text)
	if v := w.ask(t, "telegram/home:555", "reply").Verdict; v != policy.Deny {
		t.Errorf("before anybody looked: %s", v)
	}
	w.Pair(func(channel claw.ChannelID, account claw.AccountID) Pairing {
		switch {
		case channel == "slack":
			return Pairing{Known: true, IDs: []string{"U0ABC"}}
		case account == "home":
			return Pairing{Known: true, IDs: []string{"555", "556", "1", "7"}}
		}
		return Pairing{Known: true}
	})
	for who, want := range map[string]policy.Verdict{
		"telegram/home:555": policy.Allow, "telegram/home:557": policy.Deny, "telegram/work:555": policy.Deny, "slack:u0abc": policy.Allow,
		"slack:U0ABD": policy.Deny, "telegram/home:7": policy.Allow, "telegram/home:1": policy.Allow,
	} {
		if a := w.ask(t, who, "reply"); a.Verdict != want {
			t.Errorf("%s: %s, want %s", who, a.Verdict, want)
		}
	}
	for who, class := range map[string]Class{"telegram/home:1": Owner, "telegram/home:7": Allowlisted, "telegram/home:556": Paired, "telegram/work:9": Stranger} {
		s, err := w.Who(who)
		if err != nil || len(s) != 1 || s[0].Class != class {
			t.Errorf("%s is %v, want %s", who, s[0].Class, class)
		}
	}
	hop := w.ask(t, "telegram/home:paired", "reply").Path[0].Text
	if !strings.Contains(hop, "now: 555, 556, 1, 7") {
		t.Error(hop)
	}
	w.Pair(func(claw.ChannelID, claw.AccountID) Pairing {
		return Pairing{Known: true, Problem: "credentials/telegram-allowFrom.json: no JSON"}
	})
	a := w.ask(t, "telegram/home:557", "reply")
	if a.Verdict != policy.Allow || !strings.Contains(a.Path[0].Text, "cannot be read: credentials/telegram-allowFrom.json") {
		t.Errorf("an unreadable store: %s, %v", a.Verdict, a.Path)
	}
}
