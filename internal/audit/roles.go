package audit

import "github.com/openclaw-go/openclaw/internal/claw"

// Role is what a file is for; it decides who may touch it.
type Role string

// Roles of files.
const (
	RoleUserDir     Role = "user-dir"
	RoleParent      Role = "parent"
	RoleState       Role = "state"
	RoleConfig      Role = "config"
	RoleInclude     Role = "include"
	RoleBackup      Role = "config-backup"
	RoleCredsDir    Role = "credentials-dir"
	RoleCreds       Role = "credentials"
	RoleAuthProfile Role = "auth-profiles"
	RoleAgentDir    Role = "agent-dir"
	RoleSessionsDir Role = "sessions-dir"
	RoleSessions    Role = "sessions-store"
	RoleTranscript  Role = "transcript"
	RoleLogsDir     Role = "logs-dir"
	RoleLog         Role = "log"
	RoleJournal     Role = "journal"
	RoleEnv         Role = "env"
	RoleSecrets     Role = "secrets"
	RoleApprovals   Role = "exec-approvals"
	RoleIdentity    Role = "identity"
	RoleDevices     Role = "devices"
	RoleCron        Role = "cron"
	RoleHook        Role = "hook"
	RoleMemory      Role = "memory"
	RoleExtension   Role = "extension"
	RoleSkill       Role = "skill"
	RoleWorkspace   Role = "workspace"
	RoleSteering    Role = "steering"
	RoleText        Role = "workspace-file"
	RoleTokenFile   Role = "token-file"
	RoleTLSKey      Role = "tls-key"
	RoleProgram     Role = "program"
	RoleUnit        Role = "service-unit"
	RoleAllowed     Role = "allowed-program"
	RoleOther       Role = "other" // beneath the state, no rule of its own
)

// Largest sizes of files.
const (
	mostSmall = 16 << 20
	mostLarge = 512 << 20
)

// most is the size above which a file of the role cannot be what it should.
func (r Role) most() int64 {
	switch r {
	case RoleTranscript, RoleLog, RoleJournal, RoleMemory, RoleSessions, RoleProgram, RoleAllowed, RoleOther, RoleExtension, RoleText, RoleAuthProfile:
		return mostLarge
	case RoleUserDir, RoleParent, RoleState, RoleConfig, RoleInclude, RoleBackup, RoleCredsDir, RoleCreds, RoleAgentDir, RoleSessionsDir, RoleLogsDir, RoleEnv, RoleSecrets,
		RoleApprovals, RoleIdentity, RoleDevices, RoleCron, RoleHook, RoleSkill, RoleWorkspace, RoleSteering, RoleTokenFile, RoleTLSKey, RoleUnit:
		return mostSmall
	}
	return mostSmall
}

// fileRule is what one role's files must be like.
type fileRule struct {
	role Role
	// id is the prefix of its checks, noun names it for people.
	id, noun string
	dir      bool
	// mode is what a repair sets.
	mode uint32
	// writable and readable are the severities when others may; notJudged
	// where it does not matter.
	writable, readable int
	// both: readable is said of a writable one too, as upstream does.
	both   bool
	why    string
	source string
}

// Severities in the table of file rules.
const (
	notJudged = -1
	info      = int(claw.Info)
	warn      = int(claw.Warn)
	critical  = int(claw.Critical)
)

// fileRules are the roles that the two checks perms_writable and
// perms_readable are made for. State directory, configuration and includes
// have upstream's finer ids and are in files.go.
func fileRules() []fileRule {
	const guide = "guide, Credential Management"
	return []fileRule{
		{role: RoleCredsDir, id: "fs.credentials_dir", noun: "credentials directory", dir: true, mode: 0o700, writable: critical, readable: warn, why: "Tokens of channels and pairing lists lie in it.", source: guide},
		{role: RoleCreds, id: "fs.credential_file", noun: "credential file", mode: 0o600, writable: critical, readable: critical, why: "It holds a channel's session or the list of who may write; who reads it can act as you, who writes it lets himself in.", source: "facts: 12 secret-bearing paths that upstream never looks at"},
		{role: RoleAuthProfile, id: "fs.auth_profiles", noun: "model credentials of an agent", mode: 0o600, writable: critical, readable: warn, why: "API keys of model providers are in it.", source: guide},
		{role: RoleAgentDir, id: "fs.agent_dir", noun: "agent directory", dir: true, mode: 0o700, writable: critical, readable: info, why: "Who can write it can replace the agent's credentials and sessions.", source: guide},
		{role: RoleSessionsDir, id: "fs.sessions_dir", noun: "sessions directory", dir: true, mode: 0o700, writable: critical, readable: info, why: "Who can write it can put words into a conversation.", source: guide},
		{role: RoleSessions, id: "fs.sessions_store", noun: "session index", mode: 0o600, writable: critical, readable: warn, both: true, why: "It says which conversation belongs to whom.", source: guide},
		{role: RoleTranscript, id: "fs.transcript", noun: "transcript", mode: 0o600, writable: warn, readable: warn, why: "Everything said to the agent and read by it is in it.", source: "openclaw/openclaw#18746"},
		{role: RoleLogsDir, id: "fs.logs_dir", noun: "logs directory", dir: true, mode: 0o700, writable: warn, readable: info, why: "Who can write it can remove the log.", source: guide},
		{role: RoleLog, id: "fs.log_file", noun: "log file", mode: 0o600, writable: warn, readable: warn, both: true, why: "Logs quote commands and messages.", source: guide},
		{role: RoleJournal, id: "fs.journal", noun: "journal", mode: 0o600, writable: critical, readable: warn, why: "It is the record of every decision; a writer can make it useless, though not forge it unseen.", source: "DESIGN: journal"},
		{role: RoleEnv, id: "fs.env_file", noun: "environment file", mode: 0o600, writable: critical, readable: critical, why: "It holds credentials, and who writes it chooses them.", source: guide},
		{role: RoleSecrets, id: "fs.secrets_file", noun: "secrets file", mode: 0o600, writable: critical, readable: critical, why: "The values of secret references are in it.", source: guide},
		{role: RoleApprovals, id: "fs.exec_approvals", noun: "exec approvals", mode: 0o600, writable: critical, readable: info, why: "Who writes it decides which commands run unasked.", source: "guide, Quick Security Audit: exec approval drift"},
		{role: RoleIdentity, id: "fs.identity", noun: "private key", mode: 0o600, writable: critical, readable: critical, why: "The private key proves who this gateway or device is, or opens the encrypted store.", source: "facts: device identity"},
		{role: RoleDevices, id: "fs.devices", noun: "list of paired devices", mode: 0o600, writable: critical, readable: warn, why: "Who writes it pairs himself.", source: "GHSA-4jpw-hj22-2xmc"},
		{role: RoleCron, id: "fs.cron_store", noun: "scheduled jobs", mode: 0o600, writable: critical, readable: info, why: "Who writes it has the agent run his instructions.", source: "facts: 12 secret-bearing paths that upstream never looks at"},
		{role: RoleHook, id: "fs.hook_code", noun: "hook code", mode: 0o600, writable: critical, readable: notJudged, why: "It runs inside the gateway.", source: "guide, Quick Security Audit: plugin and extension risks"},
		{role: RoleExtension, id: "fs.extension_code", noun: "extension code", mode: 0o600, writable: critical, readable: notJudged, why: "It runs inside the gateway.", source: "guide, Quick Security Audit: plugin and extension risks"},
		{role: RoleSkill, id: "fs.skill_code", noun: "skill", mode: 0o600, writable: critical, readable: notJudged, why: "The agent follows what it says.", source: "guide, Skills"},
		{role: RoleMemory, id: "fs.memory_store", noun: "memory", mode: 0o600, writable: warn, readable: warn, why: "What the agent remembers of you is in it, and it believes what stands there.", source: guide},
		{role: RoleBackup, id: "fs.config_backup", noun: "backup of the configuration", mode: 0o600, writable: warn, readable: critical, why: "It holds the same credentials as the configuration.", source: "openclaw/openclaw#84883"},
		{role: RoleWorkspace, id: "fs.workspace", noun: "workspace", dir: true, mode: 0o700, writable: critical, readable: info, why: "Who writes it writes the agent's instructions.", source: "guide, Prompt Injection"},
		{role: RoleSteering, id: "fs.steering_file", noun: "file of instructions", mode: 0o600, writable: critical, readable: notJudged, why: "Its text is the agent's instructions.", source: "guide, Prompt Injection"},
		{role: RoleTokenFile, id: "fs.token_file", noun: "token file", mode: 0o600, writable: critical, readable: critical, why: "A credential is in it.", source: guide},
		{role: RoleTLSKey, id: "fs.tls_key", noun: "TLS key", mode: 0o600, writable: critical, readable: critical, why: "Who reads it can be the gateway.", source: "RFC 8446"},
		{role: RoleProgram, id: "fs.program", noun: "the program itself", mode: 0o755, writable: critical, readable: notJudged, why: "Who writes it is the gateway.", source: "facts: user-writable binaries"},
		{role: RoleAllowed, id: "fs.allowed_program", noun: "program of an allowlist", mode: 0o755, writable: critical, readable: notJudged, why: "Who writes it decides what the listed command is.", source: "facts: user-writable binaries"},
		{role: RoleUnit, id: "fs.service_unit", noun: "service unit", mode: 0o644, writable: critical, readable: notJudged, why: "Who writes it chooses what starts in your name.", source: "systemd.unit(5)"},
		{role: RoleUserDir, id: "fs.user_dir", noun: "home directory", dir: true, mode: 0o750, writable: critical, readable: notJudged, why: "Who can write it can rename the state directory and put his own in place.", source: "facts: parent-directory chain"},
	}
}
