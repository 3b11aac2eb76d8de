package posture

import (
	"strings"
	"testing"
)

func channelsOf(t *testing.T, text string) Posture {
	t.Helper()
	return Of(parse(t, text), world)
}

// TestR07ChannelsLoosen: who may write, and who counts as the operator, is a
// rule like any other: more of them wait for an operator's word.
func TestR07ChannelsLoosen(t *testing.T) {
	const base = `{channels: {telegram: {botToken: "x", dmPolicy: "allowlist", allowFrom: ["7"], groups: {"-1": {allowFrom: ["7"]}}}}, commands: {ownerAllowFrom: ["telegram:1"]}}`
	for name, c := range map[string]struct{ from, to, want string }{
		"new with pairing":     {`{}`, `{channels: {telegram: {botToken: "x"}}}`, ""},
		"new and open":         {`{}`, `{channels: {telegram: {botToken: "x", dmPolicy: "open", allowFrom: ["*"]}}}`, "direct messages: pairing → open"},
		"new with a sender":    {`{}`, `{channels: {telegram: {botToken: "x", allowFrom: ["9"]}}}`, "sender 9: no → yes"},
		"new and switched off": {`{}`, `{channels: {telegram: {enabled: false, botToken: "x", dmPolicy: "open", allowFrom: ["*"]}}}`, ""},
		"policy":               {base, strings.Replace(base, `"allowlist"`, `"open"`, 1), "direct messages: allowlist → open"},
		"stricter":             {base, strings.Replace(base, `"allowlist"`, `"disabled"`, 1), ""},
		"sender":               {base, strings.Replace(base, `allowFrom: ["7"], g`, `allowFrom: ["7", "8"], g`, 1), "sender 8"},
		"sender of a group":    {base, strings.Replace(base, `{allowFrom: ["7"]}`, `{allowFrom: ["7", "8"]}`, 1), "group -1 sender 8"},
		"list of a group":      {base, strings.Replace(base, `{allowFrom: ["7"]}`, `{}`, 1), "has a list of its own: yes → no"},
		"group":                {base, strings.Replace(base, `"-1": {`, `"-2": {}, "-1": {`, 1), "group -2: no → yes"},
		"mention":              {base, strings.Replace(base, `{allowFrom: ["7"]}`, `{allowFrom: ["7"], requireMention: false}`, 1), "read without a mention"},
		"owner":                {base, strings.Replace(base, `"telegram:1"`, `"telegram:1", "telegram:2"`, 1), "owner telegram:2"},
		"owner less":           {base, strings.Replace(base, `"telegram:1"`, ``, 1), ""},
		"context":              {base, strings.Replace(base, `dmPolicy`, `contextVisibility: "all", dmPolicy`, 1), "context:  → all"},
	} {
		t.Run(name, func(t *testing.T) {
			a, b := channelsOf(t, c.from), channelsOf(t, c.to)
			var got []string
			for _, ch := range Loosens(a, b) {
				got = append(got, ch.String())
			}
			if text := strings.Join(got, "; "); c.want == "" && text != "" || !strings.Contains(text, c.want) {
				t.Errorf("%q, want %q", text, c.want)
			}
			if c.from != c.to && a.Generation == b.Generation {
				t.Error("the generation is the same")
			}
		})
	}
}
