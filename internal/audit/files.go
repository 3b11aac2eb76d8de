package audit

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/openclaw-go/openclaw/internal/claw"
)

// Bits of File.Mode.
const (
	otherRead, otherWrite = 0o004, 0o002
	groupRead, groupWrite = 0o040, 0o020
	setUID, setGID        = 0o4000, 0o2000
	sticky                = 0o1000
)

// permits is one test of a file's mode: others may read or write it.
type permits struct {
	id       string
	noun     string
	role     Role
	severity claw.Severity
	any      uint32 // one of these bits
	none     uint32 // and none of these: a worse check has it
	mode     uint32 // what a repair sets
	verb     string
	who      string
	aliases  []string
	why      string
	source   string
}

// check makes the row.
func (p permits) check() Check {
	return Check{ID: p.id, Aliases: p.aliases, Area: AreaFiles, Severity: p.severity, Why: p.why, Fix: fmt.Sprintf("chmod %o", p.mode), Source: p.source, Run: func(s *Subject) Outcome {
		return s.files(p.role, func(f *File) *Finding {
			if f.Type == Irregular || f.Mode&p.any == 0 || f.Mode&p.none != 0 {
				return nil
			}
			short, mode := s.Snapshot.Home.Short(f.Path), p.mode
			if f.Type == Dir { // a directory that is read must be entered too
				mode |= mode & 0o444 >> 2
			}
			return &Finding{Severity: p.severity, Title: fmt.Sprintf("The %s can be %s by %s", p.noun, p.verb, p.who), Detail: fmt.Sprintf("%s has mode %04o. %s", short, f.Mode, p.why),
				Where: s.atFile(f), Observed: fmt.Sprintf("%04o", f.Mode), Expected: fmt.Sprintf("%04o", mode), Remediation: fmt.Sprintf("chmod %o %s", mode, shellWord(short))}
		})
	}}
}

// files judges every file of a role. Without one the check does not apply; one
// that could not be looked at leaves it unmeasured unless another fails.
func (s *Subject) files(role Role, judge func(*File) *Finding) Outcome {
	var found []Finding
	unread, seen := "", 0
	for _, f := range s.byRole[role] {
		switch {
		case f.Type == Absent:
			continue
		case f.Err != "":
			unread = s.Snapshot.Home.Short(f.Path) + ": " + f.Err
			continue
		}
		seen++
		if x := judge(f); x != nil {
			found = append(found, *x)
		}
	}
	switch {
	case len(found) > 0:
		return fail(found...)
	case unread != "":
		return unmeasured("%s", unread)
	case seen == 0:
		return notApplicable("there is none")
	}
	return pass("%d looked at", seen)
}

func filePermissions() []Check {
	const chmod = "guide, Credential Management; Troubleshooting"
	rows := []permits{
		{id: "fs.state_dir.perms_world_writable", noun: "state directory", role: RoleState, severity: claw.Critical, any: otherWrite, mode: 0o700, verb: "written", who: "everybody", why: "Anyone on this machine can replace the configuration and every credential.", source: chmod},
		{id: "fs.state_dir.perms_group_writable", noun: "state directory", role: RoleState, severity: claw.Warn, any: groupWrite, none: otherWrite, mode: 0o700, verb: "written", who: "its group", why: "The group can replace the configuration and every credential.", source: chmod},
		{id: "fs.state_dir.perms_readable", noun: "state directory", role: RoleState, severity: claw.Warn, any: groupRead | otherRead, none: groupWrite | otherWrite, mode: 0o700, verb: "listed", who: "others", why: "Others see which channels, agents and sessions there are.", source: chmod},
		{id: "fs.config.perms_writable", noun: "configuration", role: RoleConfig, severity: claw.Critical, any: groupWrite | otherWrite, mode: 0o600, verb: "written", who: "others", why: "Who writes it decides what agents may do.", source: chmod},
		{id: "fs.config.perms_world_readable", noun: "configuration", role: RoleConfig, severity: claw.Critical, any: otherRead, none: groupWrite | otherWrite, mode: 0o600, verb: "read", who: "everybody", why: "Tokens and keys may stand in it.", source: chmod},
		{id: "fs.config.perms_group_readable", noun: "configuration", role: RoleConfig, severity: claw.Warn, any: groupRead, none: groupWrite | otherWrite | otherRead, mode: 0o600, verb: "read", who: "its group", why: "Tokens and keys may stand in it.", source: chmod},
		{id: "fs.config_include.perms_writable", noun: "included file", role: RoleInclude, severity: claw.Critical, any: groupWrite | otherWrite, mode: 0o600, verb: "written", who: "others", why: "It is part of the configuration.", source: chmod},
		{id: "fs.config_include.perms_world_readable", noun: "included file", role: RoleInclude, severity: claw.Critical, any: otherRead, none: groupWrite | otherWrite, mode: 0o600, verb: "read", who: "everybody", why: "It is part of the configuration; tokens and keys may stand in it.", source: chmod},
		{id: "fs.config_include.perms_group_readable", noun: "included file", role: RoleInclude, severity: claw.Warn, any: groupRead, none: groupWrite | otherWrite | otherRead, mode: 0o600, verb: "read", who: "its group", why: "It is part of the configuration; tokens and keys may stand in it.", source: chmod},
	}
	for _, r := range fileRules() {
		if r.writable != notJudged {
			rows = append(rows, permits{id: r.id + ".perms_writable", noun: r.noun, role: r.role, severity: claw.Severity(r.writable), any: groupWrite | otherWrite, mode: r.mode, verb: "written", who: "others", why: r.why, source: r.source})
		}
		if r.readable != notJudged {
			none := uint32(groupWrite | otherWrite)
			if r.both {
				none = 0
			}
			rows = append(rows, permits{id: r.id + ".perms_readable", noun: r.noun, role: r.role, severity: claw.Severity(r.readable), any: groupRead | otherRead, none: none, mode: r.mode, verb: "read", who: "others", why: r.why, source: r.source})
		}
	}
	out := make([]Check, 0, len(rows))
	for _, r := range rows {
		out = append(out, r.check())
	}
	return out
}

// private are roles whose files nobody else may own, link or let in.
func (s *Subject) private(judge func(*File) *Finding) Outcome {
	public := []Role{RoleProgram, RoleUnit, RoleAllowed, RoleParent, RoleUserDir}
	var found []Finding
	seen := 0
	for i := range s.Snapshot.Files {
		f := &s.Snapshot.Files[i]
		if f.Type == Absent || f.Err != "" || slices.Contains(public, f.Role) {
			continue
		}
		seen++
		if x := judge(f); x != nil {
			x.Where = s.atFile(f)
			found = append(found, *x)
		}
	}
	if len(found) == 0 && seen == 0 {
		return notApplicable("there is no home")
	}
	return verdict(found, "%d files looked at", seen)
}

func fileFacts() []Check {
	return []Check{
		{ID: "fs.owner", Area: AreaFiles, Severity: claw.Critical, Why: "The owner of a file can always change its mode and its content.", Fix: "chown the file to the gateway's user", Source: "chmod(2)", Run: owners},
		{ID: "fs.acl", Area: AreaFiles, Severity: claw.Critical, Why: "An access list lets further users in, whatever the mode says.", Fix: "setfacl -b FILE", Source: "acl(5)", Run: func(s *Subject) Outcome {
			return s.private(func(f *File) *Finding {
				if len(f.ACL) == 0 {
					return nil
				}
				return &Finding{Severity: claw.Critical, Title: "An access list lets others in", Detail: fmt.Sprintf("%s grants %s.", s.Snapshot.Home.Short(f.Path), strings.Join(f.ACL, ", ")), Observed: strings.Join(f.ACL, ", "), Expected: "no further entries", Remediation: "setfacl -b " + shellWord(s.Snapshot.Home.Short(f.Path))}
			})
		}},
		{ID: "fs.hard_link", Area: AreaFiles, Severity: claw.Critical, Why: "A second name outlives chmod of the directory and deletion of the first: who made it keeps the content.", Fix: "copy the file, remove the old one, rename the copy; then find the other name", Source: "link(2)", Run: func(s *Subject) Outcome {
			return s.private(func(f *File) *Finding {
				if f.Type != Regular || f.Links < 2 || f.Role == RoleExtension || f.Role == RoleSkill || f.Role == RoleText {
					return nil
				}
				return &Finding{Severity: claw.Critical, Title: "A file has a second name", Detail: fmt.Sprintf("%s has %d names; the others lie somewhere else.", s.Snapshot.Home.Short(f.Path), f.Links), Observed: fmt.Sprint(f.Links), Expected: "1", Remediation: "find / -xdev -samefile " + shellWord(s.Snapshot.Home.Short(f.Path))}
			})
		}},
		{ID: "fs.setuid", Area: AreaFiles, Severity: claw.Critical, Why: "A program that runs as its owner has no business in a home of an agent.", Fix: "chmod u-s,g-s FILE", Source: "chmod(2)", Run: func(s *Subject) Outcome {
			return s.private(func(f *File) *Finding {
				if f.Type != Regular || f.Mode&(setUID|setGID) == 0 || f.Mode&0o111 == 0 {
					return nil
				}
				return &Finding{Severity: claw.Critical, Title: "A program runs as its owner", Detail: fmt.Sprintf("%s has mode %04o.", s.Snapshot.Home.Short(f.Path), f.Mode), Observed: fmt.Sprintf("%04o", f.Mode), Remediation: "chmod u-s,g-s " + shellWord(s.Snapshot.Home.Short(f.Path))}
			})
		}},
		{ID: "fs.irregular", Area: AreaFiles, Severity: claw.Critical, Why: "A pipe, socket or directory in place of a file hangs or misleads whoever reads it.", Fix: "remove it and restore the file", Source: "THREATS R34", Run: irregular},
		{ID: "fs.oversized", Area: AreaFiles, Severity: claw.Warn, Why: "Nothing that belongs there is so large: it fills the disk, or pushes what matters out of what a program reads.", Fix: "look at the file and remove it", Source: "THREATS R34", Run: func(s *Subject) Outcome {
			return s.private(func(f *File) *Finding {
				if f.Type == Dir || f.Type == Irregular || f.Size <= f.Role.most() {
					return nil
				}
				return &Finding{Severity: claw.Warn, Title: "A file is larger than anything that belongs there", Detail: fmt.Sprintf("%s has %d MiB.", s.Snapshot.Home.Short(f.Path), f.Size>>20), Observed: fmt.Sprint(f.Size), Expected: fmt.Sprintf("at most %d", f.Role.most())}
			})
		}},
		{ID: "fs.unreadable", Aliases: []string{"skills.workspace.scan_truncated", "plugins.code_safety.scan_failed", "skills.code_safety.scan_failed", "plugins.code_safety.manifest_parse_error"}, Area: AreaFiles, Severity: claw.Critical, Why: "What cannot be looked at is not known to be safe.", Fix: "run the audit as the gateway's user", Source: "promise 3", Run: func(s *Subject) Outcome {
			var found []Finding
			for i := range s.Snapshot.Files {
				if f := &s.Snapshot.Files[i]; f.Err != "" {
					severity := claw.Warn
					if f.Role == RoleState || f.Role == RoleConfig {
						severity = claw.Critical // then hardly anything was looked at
					}
					found = append(found, Finding{Severity: severity, Title: "A file could not be looked at", Detail: s.Snapshot.Home.Short(f.Path) + ": " + f.Err, Where: s.atFile(f)})
				}
			}
			for i := range s.Snapshot.Files {
				// Variables of a service are read by systemd, not by the gateway.
				if f := &s.Snapshot.Files[i]; f.Closed && f.Err == "" && (f.Role != RoleEnv || s.Snapshot.Home.In(f.Path)) {
					found = append(found, Finding{Severity: claw.Warn, Title: "A file may not be read", Detail: fmt.Sprintf("%s belongs to uid %d with mode %04o: uid %d may not read it, a gateway of that user neither.", s.Snapshot.Home.Short(f.Path), f.UID, f.Mode, s.Snapshot.System.UID), Where: s.atFile(f), Observed: fmt.Sprintf("uid %d, %04o", f.UID, f.Mode)})
				}
			}
			for _, k := range s.Snapshot.Skipped {
				if k.Check == "" {
					found = append(found, Finding{Severity: claw.Warn, Title: "Something was left out", Detail: k.What + ": " + k.Why, Where: Where{File: k.What}, Observed: k.Why})
				}
			}
			return verdict(found, "every file could be looked at")
		}},
		{ID: "fs.parent_writable", Area: AreaFiles, Severity: claw.Critical, Why: "Who can write a directory above can put another one in its place.", Fix: "chmod go-w DIRECTORY", Source: "rename(2)", Run: func(s *Subject) Outcome {
			return s.files(RoleParent, func(f *File) *Finding {
				open := f.Mode&otherWrite != 0 && f.Mode&sticky == 0 || f.Mode&groupWrite != 0 && f.GID != 0 && f.Mode&sticky == 0
				foreign := f.UID != 0 && f.UID != s.Snapshot.System.UID && s.Snapshot.System.UID >= 0
				if !open && !foreign {
					return nil
				}
				what := fmt.Sprintf("mode %04o", f.Mode)
				if !open {
					what = fmt.Sprintf("owner uid %d", f.UID)
				}
				return &Finding{Severity: claw.Critical, Title: "A directory above the home can be written by others", Detail: f.Path + ": " + what + ".", Where: s.atFile(f), Observed: what, Remediation: "chmod go-w " + shellWord(f.Path)}
			})
		}},
		{ID: "fs.state_dir.symlink", Area: AreaFiles, Severity: claw.Warn, Why: "A link can be pointed elsewhere, and tools that check the link do not check what it leads to.", Fix: "use the real directory, or OPENCLAW_STATE_DIR", Source: "symlink(7)", Run: linkCheck(RoleState, "state directory")},
		{ID: "fs.config.symlink", Area: AreaFiles, Severity: claw.Warn, Why: "A link can be pointed elsewhere.", Fix: "use the real file, or OPENCLAW_CONFIG_PATH", Source: "symlink(7)", Run: linkCheck(RoleConfig, "configuration")},
		{ID: "fs.link_escape", Area: AreaFiles, Severity: claw.Warn, Why: "A credential that lies elsewhere is protected by rules that the home does not see.", Fix: "move the file into the home", Source: "symlink(7)", Run: func(s *Subject) Outcome {
			return s.private(func(f *File) *Finding {
				if f.Type != Symlink || f.Role == RoleState || f.Role == RoleConfig || f.Role == RoleWorkspace || f.Target == "" || s.Snapshot.Home.In(f.Target) || !s.Snapshot.Home.In(f.Path) {
					return nil
				}
				return &Finding{Severity: claw.Warn, Title: "A file of the home lies elsewhere", Detail: fmt.Sprintf("%s leads to %s.", s.Snapshot.Home.Short(f.Path), s.Snapshot.Home.Short(f.Target)), Observed: f.Target}
			})
		}},
		{ID: "fs.synced_dir", Area: AreaFiles, Severity: claw.Warn, Why: "A synchronised folder copies credentials and transcripts to somebody else's computers.", Fix: "move the state directory out of the synchronised folder", Source: "facts: fs.synced_dir", Run: synced},
		{ID: "fs.git_worktree", Area: AreaFiles, Severity: claw.Warn, Why: "A commit of the home publishes every credential in it.", Fix: "move the home out of the work tree, or ignore it there", Source: "openclaw/trust#17", Run: gitWorktree},
		{ID: "fs.temporary_dir", Area: AreaFiles, Severity: claw.Warn, Why: "What lies there is deleted at a restart, and its neighbours belong to everybody.", Fix: "use a directory of your own", Source: "file-hierarchy(7)", Run: func(s *Subject) Outcome {
			for _, t := range []string{"/tmp", "/var/tmp", "/dev/shm"} {
				if st := s.Snapshot.Home.State; st == t || strings.HasPrefix(st, t+"/") {
					if s.Snapshot.Home.Dir != "" && strings.HasPrefix(st, s.Snapshot.Home.Dir+"/") && strings.HasPrefix(s.Snapshot.Home.Dir, t+"/") {
						return pass("the whole home lies there")
					}
					return fail(Finding{Severity: claw.Warn, Title: "The state directory is a temporary one", Detail: st + " lies in " + t + ".", Where: Where{File: st}})
				}
			}
			return pass("it is no temporary directory")
		}},
	}
}

func linkCheck(role Role, noun string) func(*Subject) Outcome {
	return func(s *Subject) Outcome {
		return s.files(role, func(f *File) *Finding {
			if f.Type != Symlink {
				return nil
			}
			return &Finding{Severity: claw.Warn, Title: "The " + noun + " is a symbolic link", Detail: fmt.Sprintf("%s leads to %s.", s.Snapshot.Home.Short(f.Path), s.Snapshot.Home.Short(f.Target)), Where: s.atFile(f), Observed: f.Target}
		})
	}
}

// owners: whoever looks owns the home, or root; the workspace may belong to
// the uid that commands get.
func owners(s *Subject) Outcome {
	sys := s.Snapshot.System
	if sys.UID < 0 {
		return notApplicable("%s has no owners by number", sys.OS)
	}
	owner := sys.UID
	if st := s.byRole[RoleState]; len(st) == 1 && st[0].Err == "" && st[0].Type != Absent {
		owner = st[0].UID
	}
	return s.private(func(f *File) *Finding {
		if f.UID == owner || f.UID == 0 || f.UID == sys.RunUID && sys.RunUID > 0 {
			return nil
		}
		return &Finding{Severity: claw.Critical, Title: "A file belongs to somebody else", Detail: fmt.Sprintf("%s belongs to uid %d, the home to uid %d.", s.Snapshot.Home.Short(f.Path), f.UID, owner), Observed: fmt.Sprint(f.UID), Expected: fmt.Sprint(owner), Remediation: fmt.Sprintf("chown %d %s", owner, shellWord(s.Snapshot.Home.Short(f.Path)))}
	})
}

// irregular: a role says file or directory, and something else is there.
func irregular(s *Subject) Outcome {
	dirs := []Role{RoleState, RoleUserDir, RoleParent}
	for _, r := range fileRules() {
		if r.dir {
			dirs = append(dirs, r.role)
		}
	}
	files := []Role{RoleConfig, RoleInclude}
	for _, r := range fileRules() {
		if !r.dir && r.role != RoleIdentity && r.role != RoleDevices && r.role != RoleCreds && r.role != RoleCron && r.role != RoleHook && r.role != RoleExtension && r.role != RoleSkill && r.role != RoleMemory {
			files = append(files, r.role)
		}
	}
	return s.private(func(f *File) *Finding {
		want := ""
		switch {
		case f.Type == Irregular && f.Role == RoleOther && socketName(f.Path):
		case f.Type == Irregular:
			want = "a file"
		case f.Type == Dir && (slices.Contains(files, f.Role) || fileName(f.Path)):
			want = "a file"
		case f.Type == Regular && slices.Contains(dirs, f.Role):
			want = "a directory"
		}
		if want == "" {
			return nil
		}
		return &Finding{Severity: claw.Critical, Title: "Something else stands in a file's place", Detail: fmt.Sprintf("%s is of type %s, expected %s.", s.Snapshot.Home.Short(f.Path), f.Type, want), Observed: string(f.Type), Expected: want}
	})
}

// count is how many files, not directories, there are of a role.
func (s *Subject) count(role Role) (n int) {
	for _, f := range s.byRole[role] {
		if f.Type != Dir && f.Type != Absent {
			n++
		}
	}
	return n
}

// socketName reports names under which programs put their sockets.
func socketName(p string) bool {
	name := path.Base(p)
	return strings.HasSuffix(name, ".sock") || strings.HasSuffix(name, ".socket") || strings.HasPrefix(name, "Singleton")
}

// fileName reports names that only files have.
func fileName(p string) bool {
	return slices.Contains([]string{".json", ".json5", ".yml", ".yaml", ".toml", ".txt", ".jsonl", ".sqlite", ".md", ".env", ".key", ".pem", ".age", ".bak", ".log", ".js", ".mjs", ".ts", ".py", ".sh"}, path.Ext(p))
}

func synced(s *Subject) Outcome {
	for _, p := range []string{s.Snapshot.Home.State, s.Snapshot.Home.Config} {
		for _, part := range strings.Split(strings.ToLower(p), "/") {
			for _, name := range []string{"icloud", "mobile documents", "dropbox", "google drive", "googledrive", "onedrive", "nextcloud", "syncthing"} {
				if strings.Contains(part, name) {
					return fail(Finding{Severity: claw.Warn, Title: "The home lies in a synchronised folder", Detail: s.Snapshot.Home.Short(p) + " looks like a folder of " + name + ".", Where: Where{File: s.Snapshot.Home.Short(p)}})
				}
			}
		}
	}
	return pass("no synchronised folder by name")
}

// gitWorktree: the survey notes a .git at or above the state directory.
func gitWorktree(s *Subject) Outcome {
	for _, f := range s.byRole[RoleOther] {
		if path.Base(f.Path) == ".git" && f.Type != Absent {
			return fail(Finding{Severity: claw.Warn, Title: "The home lies in a git work tree", Detail: fmt.Sprintf("%s is at or above %s.", f.Path, s.Snapshot.Home.Short(s.Snapshot.Home.State)), Where: Where{File: f.Path}})
		}
	}
	return pass("no .git at or above it")
}
