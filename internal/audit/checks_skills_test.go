package audit

import "github.com/openclaw-go/openclaw/internal/claw"

func skillRows() []row {
	with := func(all ...Scanned) home {
		return ours(`{}`, func(in *Input) {
			in.Snapshot.Live = &Live{}
			in.Snapshot.Scanned = all
		})
	}
	found := func(kind string, severity claw.Severity) Scanned {
		return Scanned{Kind: kind, Name: "x", Dir: "/home/u/.openclaw/skills/x", Verdict: "block", Findings: []ScannedFinding{{Rule: "exec.download", Severity: severity, File: "run.sh", Line: 3, Evidence: "curl | sh"}}}
	}
	fine := Scanned{Kind: "skill", Name: "x", Dir: "/home/u/.openclaw/skills/x", Verdict: "pass", Findings: []ScannedFinding{{Rule: "supply.open"}}}
	plugin := fine
	plugin.Kind = "plugin"
	other := fine
	other.Dir = "/home/u/w/skills/x"
	pinned := func(x SkillState) home {
		return ours(`{}`, func(in *Input) { in.Snapshot.Skills = []SkillState{x} })
	}
	stands := SkillState{Name: "x", Dir: "/home/u/.openclaw/skills/x", Pinned: true, Loads: true}
	return []row{
		{id: "skills.changed", want: claw.Critical, bad: pinned(SkillState{Name: "x", Dir: stands.Dir, Pinned: true, Rule: "skill.changed", Reason: "it changed"}), good: pinned(stands)},
		{id: "skills.changed", want: claw.Warn, bad: pinned(SkillState{Name: "x", Dir: stands.Dir, Pinned: true, Rule: "skill.not_listed", Reason: "it is not listed"}), good: pinned(stands)},
		{id: "skills.changed", want: claw.Critical, bad: pinned(SkillState{Err: "no JSON"}), good: pinned(stands)},
		{id: "skills.code_safety", want: claw.Critical, bad: with(found("skill", claw.Critical)), good: with(fine)},
		{id: "skills.code_safety", want: claw.Warn, bad: with(found("skill", claw.Warn)), good: with(fine)},
		{id: "plugins.code_safety", want: claw.Critical, bad: with(found("plugin", claw.Critical)), good: with(plugin)},
		{id: "skills.duplicate_name", want: claw.Warn, bad: with(fine, other), good: with(fine)},
	}
}
