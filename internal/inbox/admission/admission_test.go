package admission_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/inbox/admission"
	"github.com/openclaw-go/openclaw/internal/posture"
)

func telegram(change func(*admission.Rules)) admission.Rules {
	r := admission.Rules{Inbound: posture.Inbound{Channel: "telegram", Enabled: true, DM: "pairing", Group: "allowlist", RequireMention: true}}
	change(&r)
	return r
}

func TestGates(t *testing.T) {
	dm := admission.Facts{Sender: "42", Kind: admission.Direct}
	grp := admission.Facts{Sender: "42", Kind: admission.Group, Chat: "-100", Mentioned: true}
	quiet := grp
	quiet.Mentioned = false
	topic := grp
	topic.Thread = "7"
	listed := []posture.InboundGroup{{ID: "-100", Enabled: true, RequireMention: true}}
	set := func(f func(*posture.Inbound)) func(*admission.Rules) {
		return func(r *admission.Rules) { f(&r.Inbound) }
	}
	for name, c := range map[string]struct {
		rules    func(*admission.Rules)
		facts    admission.Facts
		verdict  admission.Verdict
		standing claw.Standing
		rule     string
	}{
		"stranger pairs":               {func(*admission.Rules) {}, dm, admission.Pair, 0, "admission.pairing_needed"},
		"paired":                       {func(r *admission.Rules) { r.Paired = []string{"42"} }, dm, admission.Admit, claw.Paired, "admission.paired"},
		"paired under an allowlist":    {func(r *admission.Rules) { r.Paired, r.Inbound.DM = []string{"42"}, "allowlist" }, dm, admission.Admit, claw.Paired, "admission.paired"},
		"paired, open without *":       {func(r *admission.Rules) { r.Paired, r.Inbound.DM = []string{"42"}, "open" }, dm, admission.Drop, 0, "admission.open_needs_everybody"},
		"owner":                        {func(r *admission.Rules) { r.Owners = []string{"42"} }, dm, admission.Admit, claw.Owner, "admission.owner"},
		"owner, messages off":          {func(r *admission.Rules) { r.Owners, r.Inbound.DM = []string{"42"}, "disabled" }, dm, admission.Drop, 0, "admission.dm_disabled"},
		"listed":                       {set(func(i *posture.Inbound) { i.AllowFrom = []string{"tg:42"} }), dm, admission.Admit, claw.Paired, "admission.allowlist"},
		"listed by name":               {set(func(i *posture.Inbound) { i.AllowFrom = []string{"@42", "ana"} }), dm, admission.Pair, 0, "admission.pairing_needed"},
		"allowlist without the sender": {set(func(i *posture.Inbound) { i.DM, i.AllowFrom = "allowlist", []string{"43"} }), dm, admission.Drop, 0, "admission.not_listed"},
		"open":                         {set(func(i *posture.Inbound) { i.DM, i.AllowFrom = "open", []string{"*"} }), dm, admission.Admit, claw.Stranger, "admission.open"},
		"open without *":               {set(func(i *posture.Inbound) { i.DM = "open" }), dm, admission.Drop, 0, "admission.open_needs_everybody"},
		"everybody is listed":          {set(func(i *posture.Inbound) { i.AllowFrom = []string{"*"} }), dm, admission.Admit, claw.Stranger, "admission.everybody_listed"},
		"a policy that nobody knows":   {set(func(i *posture.Inbound) { i.DM = "friends" }), dm, admission.Drop, 0, "admission.policy_not_understood"},
		"no policy":                    {set(func(i *posture.Inbound) { i.DM = "" }), dm, admission.Drop, 0, "admission.policy_not_understood"},
		"channel off":                  {set(func(i *posture.Inbound) { i.Enabled = false }), dm, admission.Drop, 0, "admission.closed"},
		"another bot":                  {func(r *admission.Rules) { r.Owners = []string{"42"} }, admission.Facts{Sender: "42", Kind: admission.Direct, Program: true}, admission.Drop, 0, "admission.program"},
		"own":                          {func(r *admission.Rules) { r.Owners = []string{"42"} }, admission.Facts{Sender: "42", Kind: admission.Direct, Own: true}, admission.Drop, 0, "admission.own_message"},
		"nobody":                       {set(func(i *posture.Inbound) { i.AllowFrom = []string{"*"} }), admission.Facts{Kind: admission.Direct}, admission.Drop, 0, "admission.no_stable_id"},
		"a sender called *":            {func(r *admission.Rules) { r.Paired = []string{"*"} }, admission.Facts{Sender: "*", Kind: admission.Direct}, admission.Drop, 0, "admission.no_stable_id"},
		"no kind":                      {func(r *admission.Rules) { r.Owners = []string{"42"} }, admission.Facts{Sender: "42"}, admission.Drop, 0, "admission.kind_not_understood"},

		"group not listed":              {set(func(i *posture.Inbound) { i.AllowFrom = []string{"42"} }), grp, admission.Drop, 0, "admission.group_not_listed"},
		"pairing is nothing in a group": {func(r *admission.Rules) { r.Paired, r.Inbound.Groups = []string{"42"}, listed }, grp, admission.Drop, 0, "admission.sender_not_listed"},
		"group and sender":              {set(func(i *posture.Inbound) { i.Groups, i.GroupAllowFrom, i.GroupListed = listed, []string{"42"}, true }), grp, admission.Admit, claw.Member, "admission.group_listed"},
		"falls back to allowFrom":       {set(func(i *posture.Inbound) { i.Groups, i.AllowFrom = listed, []string{"42"} }), grp, admission.Admit, claw.Member, "admission.group_listed"},
		"an empty list is nobody":       {set(func(i *posture.Inbound) { i.Groups, i.AllowFrom, i.GroupListed = listed, []string{"42"}, true }), grp, admission.Drop, 0, "admission.sender_not_listed"},
		"the group's own list": {set(func(i *posture.Inbound) {
			i.Groups = []posture.InboundGroup{{ID: "-100", Enabled: true, Listed: true, AllowFrom: []string{"43"}}}
			i.GroupAllowFrom, i.GroupListed = []string{"42"}, true
		}), grp, admission.Drop, 0, "admission.sender_not_listed"},
		"owner in a group":       {func(r *admission.Rules) { r.Owners, r.Inbound.Groups = []string{"42"}, listed }, grp, admission.Admit, claw.Owner, "admission.owner"},
		"owner in another group": {func(r *admission.Rules) { r.Owners = []string{"42"} }, grp, admission.Drop, 0, "admission.group_not_listed"},
		"not mentioned":          {set(func(i *posture.Inbound) { i.Groups, i.AllowFrom = listed, []string{"42"} }), quiet, admission.Context, claw.Member, "admission.not_mentioned"},
		"no mention needed": {set(func(i *posture.Inbound) {
			i.Groups = []posture.InboundGroup{{ID: "-100", Enabled: true}}
			i.AllowFrom = []string{"42"}
		}), quiet, admission.Admit, claw.Member, "admission.group_listed"},
		"a stranger's words as context": {set(func(i *posture.Inbound) { i.Groups, i.Visibility = listed, "all" }), grp, admission.Context, 0, "admission.context_all"},
		"groups off":                    {set(func(i *posture.Inbound) { i.Groups, i.AllowFrom, i.Group = listed, []string{"42"}, "disabled" }), grp, admission.Drop, 0, "admission.group_disabled"},
		"this group off": {set(func(i *posture.Inbound) {
			i.Groups = []posture.InboundGroup{{ID: "-100", Policy: "disabled", Enabled: true}}
			i.AllowFrom = []string{"42"}
		}), grp, admission.Drop, 0, "admission.group_disabled"},
		"this group not enabled": {set(func(i *posture.Inbound) {
			i.Groups = []posture.InboundGroup{{ID: "-100"}}
			i.AllowFrom = []string{"42"}
		}), grp, admission.Drop, 0, "admission.group_off"},
		"open groups": {set(func(i *posture.Inbound) { i.Group = "open" }), grp, admission.Admit, claw.Stranger, "admission.group_open"},
		"open, but some are listed": {set(func(i *posture.Inbound) {
			i.Group, i.Groups = "open", []posture.InboundGroup{{ID: "-200", Enabled: true}}
		}), grp, admission.Drop, 0, "admission.group_not_listed"},
		"any group": {set(func(i *posture.Inbound) {
			i.Groups, i.AllowFrom = []posture.InboundGroup{{ID: "*", Enabled: true}}, []string{"42"}
		}), grp, admission.Admit, claw.Member, "admission.group_listed"},
		"a topic's own block": {set(func(i *posture.Inbound) {
			i.Groups = append(slices.Clone(listed), posture.InboundGroup{ID: "-100/7", Policy: "disabled", Enabled: true})
			i.AllowFrom = []string{"42"}
		}), topic, admission.Drop, 0, "admission.group_disabled"},
		"group without id": {set(func(i *posture.Inbound) { i.Group = "open" }), admission.Facts{Sender: "42", Kind: admission.Group, Mentioned: true}, admission.Drop, 0, "admission.no_group_id"},
		"server with listed channels": {set(func(i *posture.Inbound) {
			i.Groups = []posture.InboundGroup{{ID: "s", Enabled: true}, {ID: "s/other", Enabled: true}}
			i.AllowFrom = []string{"42"}
		}), admission.Facts{Sender: "42", Kind: admission.Group, Server: "s", Chat: "c", Mentioned: true}, admission.Drop, 0, "admission.group_not_listed"},
		"server with all its channels": {set(func(i *posture.Inbound) {
			i.Groups = []posture.InboundGroup{{ID: "s", Enabled: true}}
			i.AllowFrom = []string{"42"}
		}), admission.Facts{Sender: "42", Kind: admission.Group, Server: "s", Chat: "c", Mentioned: true}, admission.Admit, claw.Member, "admission.group_listed"},
		"a role of the group": {set(func(i *posture.Inbound) {
			i.Groups = []posture.InboundGroup{{ID: "s", Enabled: true, Listed: true, Roles: []string{"mod"}}}
		}), admission.Facts{Sender: "42", Roles: []string{"mod"}, Kind: admission.Group, Server: "s", Chat: "c", Mentioned: true}, admission.Admit, claw.Member, "admission.group_listed"},
	} {
		t.Run(name, func(t *testing.T) {
			got := admission.Decide(telegram(c.rules), c.facts)
			if got.Verdict != c.verdict || got.Standing != c.standing || string(got.Rule) != c.rule {
				t.Errorf("%s, %s, %s; want %s, %s, %s", got.Verdict, got.Standing, got.Rule, c.verdict, c.standing, c.rule)
			}
		})
	}
}

var (
	ids      = rapid.SampledFrom([]string{"1", "2", "3", "telegram:1", "tg:2", "@1", "ana", "*", "", " 3", "telegram:*"})
	lists    = rapid.SliceOfN(ids, 0, 3)
	policies = rapid.SampledFrom([]string{"pairing", "allowlist", "open", "disabled", "", "friends"})
	gids     = rapid.SampledFrom([]string{"-1", "-2", "*", "-1/7", "*/7", "-2/8"})
)

func anyRules(t *rapid.T) admission.Rules {
	r := admission.Rules{Owners: lists.Draw(t, "owners"), Paired: lists.Draw(t, "paired")}
	in := &r.Inbound
	in.Channel, in.Enabled = "telegram", rapid.Bool().Draw(t, "enabled") || rapid.Bool().Draw(t, "enabled2")
	in.DM, in.AllowFrom = policies.Draw(t, "dm"), lists.Draw(t, "allowFrom")
	in.Group, in.GroupAllowFrom, in.GroupListed = policies.Draw(t, "group"), lists.Draw(t, "groupAllowFrom"), rapid.Bool().Draw(t, "groupListed")
	in.RequireMention = rapid.Bool().Draw(t, "mention")
	in.Visibility = rapid.SampledFrom([]string{"", "all", "allowlist", "allowlist_quote"}).Draw(t, "visibility")
	for range rapid.IntRange(0, 3).Draw(t, "groups") {
		in.Groups = append(in.Groups, posture.InboundGroup{ID: gids.Draw(t, "id"), Enabled: rapid.Bool().Draw(t, "on"), Policy: policies.Draw(t, "policy"),
			AllowFrom: lists.Draw(t, "allow"), Listed: rapid.Bool().Draw(t, "listed"), RequireMention: rapid.Bool().Draw(t, "needs")})
	}
	return r
}

func anyFacts(t *rapid.T) admission.Facts {
	return admission.Facts{Sender: claw.SenderID(rapid.SampledFrom([]string{"1", "2", "3", "4", "*", "", "@1", "ana ", "1\u202e"}).Draw(t, "sender")),
		Kind: admission.Kind(rapid.SampledFrom([]string{"direct", "group", "group", "", "broadcast"}).Draw(t, "kind")),
		Chat: rapid.SampledFrom([]string{"-1", "-2", "-3", ""}).Draw(t, "chat"), Thread: rapid.SampledFrom([]string{"", "7", "8"}).Draw(t, "thread"),
		Mentioned: rapid.Bool().Draw(t, "mentioned"), Program: rapid.IntRange(0, 9).Draw(t, "bot") == 0, Own: rapid.IntRange(0, 9).Draw(t, "own") == 0}
}

// named says, without the code under test, whether some list names an id.
func named(id claw.SenderID, all ...[]string) bool {
	for _, l := range all {
		for _, e := range l {
			if e == string(id) || e == "telegram:"+string(id) || e == "tg:"+string(id) || e == " "+string(id) {
				return true
			}
		}
	}
	return false
}

// TestNoPathForASenderOutsideTheLists: whatever the rules are, nobody is read
// whom no list names, unless the rules say "everybody" in so many words.
func TestNoPathForASenderOutsideTheLists(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r, f := anyRules(t), anyFacts(t)
		got := admission.Decide(r, f)
		if got.Verdict == admission.Drop || got.Verdict == admission.Pair {
			if got.Standing != claw.Stranger {
				t.Fatalf("%s with standing %s", got.Verdict, got.Standing)
			}
			if got.Verdict == admission.Pair && (f.Kind != admission.Direct || r.Inbound.DM != "pairing") {
				t.Fatal("a pairing that nobody offered")
			}
			return
		}
		in := r.Inbound
		plain := slices.Contains([]claw.SenderID{"1", "2", "3", "4"}, f.Sender)
		if !in.Enabled || f.Program || f.Own || !plain {
			t.Fatalf("%+v was read", f)
		}
		every, group := [][]string{in.AllowFrom}, [][]string{}
		groupOpen := in.Group == "open"
		for _, g := range in.Groups {
			group = append(group, g.AllowFrom)
			groupOpen = groupOpen || g.Policy == "open"
		}
		group = append(group, in.GroupAllowFrom, in.AllowFrom)
		star := func(ls [][]string) bool {
			return slices.ContainsFunc(ls, func(l []string) bool { return slices.Contains(l, "*") })
		}
		switch f.Kind {
		case admission.Direct:
			if !named(f.Sender, r.Owners, in.AllowFrom, r.Paired) && !star(every) {
				t.Fatalf("sender %q is on no list and was read: %s", f.Sender, got.Rule)
			}
			if got.Standing == claw.Paired && !named(f.Sender, in.AllowFrom, r.Paired) {
				t.Fatal("somebody counts as paired and is not")
			}
		case admission.Group:
			if got.Verdict == admission.Admit && !named(f.Sender, append(group, r.Owners)...) && !star(group) && !groupOpen {
				t.Fatalf("sender %q is on no list of a group and was read: %s", f.Sender, got.Rule)
			}
			if got.Verdict == admission.Context && got.Standing == claw.Stranger && in.Visibility != "all" && !star(group) && !groupOpen {
				t.Fatalf("sender %q is on no list and became context: %s", f.Sender, got.Rule)
			}
			if f.Chat == "" || in.Group == "disabled" {
				t.Fatal("groups are off")
			}
		default:
			t.Fatalf("kind %q was read", f.Kind)
		}
		if got.Standing == claw.Owner && !named(f.Sender, r.Owners) {
			t.Fatal("somebody counts as the owner and is not")
		}
	})
}

// TestR48PairingNeverCountsInGroups: whoever is paired is exactly as welcome
// in a group as before, and never an owner.
func TestR48PairingNeverCountsInGroups(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r, f := anyRules(t), anyFacts(t)
		with, without := r, r
		with.Paired, without.Paired = []string{"1", "2", "3", "4"}, nil
		a, b := admission.Decide(with, f), admission.Decide(without, f)
		if f.Kind == admission.Group && (a.Verdict != b.Verdict || a.Standing != b.Standing) {
			t.Fatalf("%v, without pairings %v", a, b)
		}
		if (a.Standing == claw.Owner) != (b.Standing == claw.Owner) {
			t.Fatal("pairing makes owners")
		}
	})
}

// TestMoreRefusalsNeverAdmit: switching something off admits nobody.
func TestMoreRefusalsNeverAdmit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r, f := anyRules(t), anyFacts(t)
		before := admission.Decide(r, f).Verdict
		s := r
		switch rapid.IntRange(0, 3).Draw(t, "off") {
		case 0:
			s.Inbound.DM = "disabled"
		case 1:
			s.Inbound.Group = "disabled"
		case 2:
			s.Inbound.Enabled = false
		case 3:
			s.Owners, s.Paired, s.Inbound.AllowFrom = nil, nil, nil
		}
		if got := admission.Decide(s, f).Verdict; got == admission.Admit && before != admission.Admit {
			t.Fatalf("%s before, %s after", before, got)
		}
	})
}
