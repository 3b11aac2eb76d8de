package answer

import (
	"fmt"
	"slices"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/policy"
	"github.com/openclaw-go/openclaw/internal/posture"
)

// Question asks whether a sender can bring an effect about.
type Question struct {
	Who   []Sender
	What  Goal
	Agent claw.AgentID // "" is any
}

// Answer says whether, and how or why not.
type Answer struct {
	Who   []Sender     `json:"who"`
	What  string       `json:"what"`
	Agent claw.AgentID `json:"agent,omitempty"`
	// Verdict is allow (nobody is asked), ask (only when a person says yes) or
	// deny (no way exists).
	Verdict policy.Verdict `json:"verdict"`
	// Path is the shortest way that asks least; empty when none exists.
	Path []Hop `json:"path,omitempty"`
	// Blocked says what stops each direct way; set when none exists.
	Blocked []Blocker `json:"blocked,omitempty"`
	// States and Calls count what was examined: everything there is when no
	// way exists.
	States int `json:"states"`
	Calls  int `json:"calls"`
}

// Hop is one step of a way.
type Hop struct {
	Kind    string         `json:"kind"` // admission, call, reply, labels
	Agent   claw.AgentID   `json:"agent,omitempty"`
	Text    string         `json:"text"`
	Tool    claw.ToolName  `json:"tool,omitempty"`
	Verdict policy.Verdict `json:"verdict"`
	Rule    policy.RuleID  `json:"rule,omitempty"`
	Where   claw.ConfigRef `json:"where,omitzero"`
	// Labels that the session carries after it.
	Labels claw.Labels `json:"labels"`
	// NotBuilt: policy allows the tool, and this program does not have it.
	NotBuilt bool `json:"notBuilt,omitempty"`
}

// Blocker is what stops one direct way.
type Blocker struct {
	Who   string         `json:"who"`
	Agent claw.AgentID   `json:"agent,omitempty"`
	Tool  claw.ToolName  `json:"tool,omitempty"`
	Text  string         `json:"text"`
	Rule  policy.RuleID  `json:"rule"`
	Where claw.ConfigRef `json:"where,omitzero"`
}

// Can searches every way there is. Labels of a session only grow and only
// restrict, and nobody may do what the owner may not (tests of policy hold
// both), so a way that is denied to the owner in a clean session is given up
// for all; no other is left out.
func (w *World) Can(q Question) Answer {
	out := Answer{Who: q.Who, What: q.What.String(), Agent: q.Agent}
	s := search{w: w, goal: q.What, only: q.Agent, ways: map[wayKey][]way{}, refused: map[refusalKey][]refusal{}}
	for _, least := range []policy.Verdict{policy.Allow, policy.Ask} {
		s.seen, s.queue = map[state]bool{}, nil
		s.begin(q.Who)
		if n := s.run(least); n != nil {
			out.Verdict, out.Path = least, n.path()
			break
		}
	}
	out.States, out.Calls = s.states, s.calls
	if out.Verdict == policy.Deny {
		out.Blocked = s.blockers(q.Who)
	}
	return out
}

// state is what the search tells apart.
type state struct {
	agent    claw.AgentID
	surface  claw.Surface
	channel  claw.ChannelID
	sender   claw.SenderID
	standing claw.Standing
	labels   claw.Labels
	got      bool
}

// node is a state with the way to it.
type node struct {
	at     start
	labels claw.Labels
	got    bool // a leak: the file was read
	hop    Hop
	before *node
	hops   []Hop // of a beginning
}

func (n *node) state() state {
	p := &n.at.principal
	return state{n.at.agent, p.Surface, p.Channel, p.Sender, p.Standing, n.labels, n.got}
}

func (n *node) path() []Hop {
	var out []Hop
	for at := n; at != nil; at = at.before {
		if at.before != nil {
			out = append(out, at.hop)
			continue
		}
		for _, h := range slices.Backward(at.hops) {
			out = append(out, h)
		}
	}
	slices.Reverse(out)
	return out
}

type wayKey struct {
	agent claw.AgentID
	goal  Goal
}

// refusal is a place where every way to a goal was refused: so it is wherever
// there are as many labels and no more standing.
type refusal struct {
	labels   claw.Labels
	standing claw.Standing
}

type refusalKey struct {
	wayKey
	least policy.Verdict
}

type search struct {
	w       *World
	goal    Goal
	only    claw.AgentID
	ways    map[wayKey][]way
	refused map[refusalKey][]refusal
	seen    map[state]bool
	queue   []*node

	states, calls int
}

func (s *search) begin(who []Sender) {
	for _, sender := range who {
		starts, r := s.w.starts(sender, s.only)
		for _, at := range starts {
			n := &node{at: at, labels: at.labels}
			n.hops = append(n.hops, Hop{Kind: "admission", Agent: at.agent, Text: fmt.Sprintf("%s: %s; agent %s answers", sender, admissionWords(r.Rule, sender.Door), at.agent),
				Verdict: policy.Allow, Rule: r.Rule, Where: r.Where})
			if at.labels != 0 {
				n.hops = append(n.hops, Hop{Kind: "labels", Agent: at.agent, Text: "the message comes from outside", Verdict: policy.Allow, Labels: at.labels})
			}
			s.push(n)
		}
	}
}

func (s *search) push(n *node) {
	if k := n.state(); !s.seen[k] {
		s.seen[k] = true
		s.queue = append(s.queue, n)
	}
}

// run looks for the goal by decisions that are at least so mild.
func (s *search) run(least policy.Verdict) *node {
	for i := 0; i < len(s.queue); i++ {
		n := s.queue[i]
		s.states++
		if a := s.w.agent(n.at.agent); a != nil {
			if end := s.reached(n, a, least); end != nil {
				return end
			}
			s.edges(n, a, least)
		}
	}
	return nil
}

// every lists the ways to a goal, each weighed once.
func (s *search) every(a *posture.Agent, g Goal) []way {
	k := wayKey{a.ID, g}
	got, ok := s.ways[k]
	if !ok {
		got = s.w.ways(a, g)
		for i := range got {
			s.calls++
			s.w.hopeless(a, &got[i])
		}
		s.ways[k] = got
	}
	return got
}

// step tries the ways to a goal from a node.
func (s *search) step(n *node, a *posture.Agent, g Goal, least policy.Verdict) (Hop, bool) {
	if a.Rules.Surfaces != nil && !slices.Contains(a.Rules.Surfaces, n.at.principal.Surface) {
		return Hop{}, false // closed to this surface, whatever is called
	}
	key, here := refusalKey{wayKey{a.ID, g}, least}, refusal{n.labels, n.at.principal.Standing}
	if g.Kind != Reply && slices.ContainsFunc(s.refused[key], here.follows) {
		return Hop{}, false
	}
	ways := s.every(a, g)
	for i := range ways {
		x := &ways[i]
		if x.never != nil {
			continue
		}
		s.calls++
		r := s.w.judge(a, &n.at, n.labels, x)
		if r.Verdict < least {
			continue
		}
		kind := "call"
		if x.reply {
			kind = "reply"
		}
		return Hop{Kind: kind, Agent: a.ID, Text: x.text, Tool: x.tool, Verdict: r.Verdict, Rule: r.Rule, Where: r.Where, Labels: n.labels,
			NotBuilt: !x.reply && s.w.notBuilt(x.tool)}, true
	}
	s.refused[key] = append(s.refused[key], here)
	return Hop{}, false
}

// follows reports whether what was refused at o is refused at r too. Of a
// reply that is not known: its readers differ.
func (r refusal) follows(o refusal) bool { return r.labels.Has(o.labels) && r.standing <= o.standing }

// reached reports whether the goal is one step away. A leak is two goals: the
// file is read, which labels the session, and something goes out.
func (s *search) reached(n *node, a *posture.Agent, least policy.Verdict) *node {
	if s.goal.Kind != Leak {
		h, ok := s.step(n, a, s.goal, least)
		if !ok {
			return nil
		}
		return &node{at: n.at, labels: n.labels, hop: h, before: n}
	}
	if !n.got {
		if h, ok := s.step(n, a, Goal{Kind: ReadFile, Arg: s.goal.Arg}, least); ok {
			brings := s.w.brings(a, s.goal.Arg)
			h.Labels = n.labels | brings
			h.Text += "; the session is " + LabelText(h.Labels) + " from then on"
			s.push(&node{at: n.at, labels: n.labels | brings, got: true, hop: h, before: n})
		}
		return nil
	}
	for _, g := range s.leaves(&n.at) {
		if h, ok := s.step(n, a, g, least); ok {
			return &node{at: n.at, labels: n.labels, got: true, hop: h, before: n}
		}
	}
	return nil
}

// brings are the labels of a file that is read: of the workspace it is the
// operator's, elsewhere nothing is known of it.
func (w *World) brings(a *posture.Agent, text string) claw.Labels {
	if abs := w.abs(a, text); abs != "" && a.Workspace != "" && beneath(abs, a.Workspace) {
		return claw.Private
	}
	return claw.Private | claw.Untrusted
}

// stranger's host: nobody listed it, and whoever owns it reads what arrives.
const strangersHost = "stranger.example"

// leaves are the goals by which something goes out.
func (s *search) leaves(at *start) []Goal {
	to := s.goal.To
	switch {
	case to == "":
		var out []Goal
		if at.principal.Standing != claw.Owner {
			out = append(out, Goal{Kind: Reply})
		}
		return append(out, Goal{Kind: SendTo, Arg: "any:third-party"}, Goal{Kind: Get, Arg: strangersHost}, Goal{Kind: Post, Arg: strangersHost})
	case to == "reply":
		return []Goal{{Kind: Reply}}
	}
	if host, err := hostName(to); err == nil && !isTarget(to) {
		return []Goal{{Kind: Get, Arg: host}, {Kind: Post, Arg: host}}
	}
	return []Goal{{Kind: SendTo, Arg: to}}
}

// isTarget reports whether text names a conversation and no host.
func isTarget(text string) bool {
	for i := range len(text) {
		if text[i] == ':' {
			return i+1 < len(text) && text[i+1] != '/'
		}
	}
	return false
}

// edges follow what lets somebody else act: another agent, a job, a file that
// the owner's session reads later. Labels go along.
func (s *search) edges(n *node, a *posture.Agent, least policy.Verdict) {
	s.spawns(n, a, least)
	if n.at.principal.Surface != claw.SurfaceCron {
		if h, ok := s.step(n, a, Goal{Kind: Schedule}, least); ok {
			h.Text += "; the job runs later with the same labels"
			at := n.at
			at.principal, at.alone = claw.Principal{Surface: claw.SurfaceCron, Standing: claw.Owner}, true
			s.push(&node{at: at, labels: n.labels, got: n.got, hop: h, before: n})
		}
	}
	if n.at.principal.Standing != claw.Owner && !n.got {
		if h, ok := s.step(n, a, Goal{Kind: WriteFile, Arg: "notes.txt"}, least); ok {
			labels := claw.Untrusted | claw.Private
			h.Text += "; a session of the owner that reads it is " + LabelText(labels)
			h.Labels = labels
			at := n.at
			at.principal, at.alone = claw.Principal{Surface: claw.SurfaceCLI, Standing: claw.Owner}, false
			at.audience = policy.Send{Channel: "cli", To: string(sessionOf(a.ID)), OriginOnly: true, OwnersOnly: true}
			s.push(&node{at: at, labels: labels, hop: h, before: n})
		}
	}
}

// spawns follows starting another agent. Which one makes no difference to
// policy, so it is asked once, and only where somebody new is reached.
func (s *search) spawns(n *node, a *posture.Agent, least policy.Verdict) {
	var h Hop
	for i := range s.w.Posture.Agents {
		b := &s.w.Posture.Agents[i]
		if b.ID == a.ID || s.only != "" && b.ID != s.only {
			continue
		}
		there := n.state()
		there.agent, there.surface = b.ID, claw.SurfaceAgent
		if s.seen[there] {
			continue
		}
		if h.Kind == "" {
			var ok bool
			if h, ok = s.step(n, a, Goal{Kind: Spawn}, least); !ok {
				return
			}
		}
		next := &node{at: n.at, labels: n.labels, got: n.got, hop: h, before: n}
		next.at.agent, next.at.principal.Surface = b.ID, claw.SurfaceAgent
		next.hop.Text = fmt.Sprintf("sessions_spawn %[1]s; agent %[1]s goes on with the same labels", b.ID)
		s.push(next)
	}
}

// maxBlockers bounds the reasons that are listed.
const maxBlockers = 200

// blockers say what stops the direct ways.
func (s *search) blockers(who []Sender) []Blocker {
	var out []Blocker
	add := func(b Blocker) {
		same := func(o Blocker) bool {
			return o.Who == b.Who && o.Agent == b.Agent && o.Tool == b.Tool && o.Rule == b.Rule
		}
		if len(out) < maxBlockers && !slices.ContainsFunc(out, same) {
			out = append(out, b)
		}
	}
	g := s.goal
	if g.Kind == Leak {
		g = Goal{Kind: ReadFile, Arg: g.Arg}
	}
	for _, sender := range who {
		starts, r := s.w.starts(sender, s.only)
		if len(starts) == 0 {
			add(Blocker{Who: sender.String(), Text: admissionWords(r.Rule, sender.Door), Rule: r.Rule, Where: r.Where})
			continue
		}
		for i := range starts {
			at := &starts[i]
			a := s.w.agent(at.agent)
			goals := []Goal{g}
			if s.goal.Kind == Leak {
				goals = append(goals, s.leaves(at)...)
			}
			for _, g := range goals {
				ways := s.every(a, g)
				for j := range ways {
					r := s.w.blocks(a, at, &ways[j])
					if r.Verdict == policy.Deny {
						add(Blocker{Who: sender.String(), Agent: a.ID, Tool: ways[j].tool, Text: ways[j].text, Rule: r.Rule, Where: r.Where})
					}
				}
			}
		}
	}
	return out
}

// blocks is the ruling about a way that is only reported.
func (w *World) blocks(a *posture.Agent, at *start, x *way) Ruling {
	if w.hopeless(a, x) {
		if a.Rules.Surfaces != nil && !slices.Contains(a.Rules.Surfaces, at.principal.Surface) {
			return Ruling{Layer: policy.LayerSurface, Rule: "surface.closed", Where: a.Rules.SurfacesRef}
		}
		return *x.never
	}
	return w.judge(a, at, at.labels, x)
}
