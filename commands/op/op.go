// Package op is what the operations of certkdb share; the operations themselves are in the packages below it, one for each
// group of the help. They know the databases (kdb), the cryptography (pki) and files, but no command line: no option, no text of a
// command, no printing, no exit.
//
// A [Session] is a database that is opened once. An operation that reads has a method Run. An operation that changes something is
// an [Operation]: Plan reads, makes keys and asks for passwords, while nothing is locked, and returns a [Plan] whose Apply makes the
// change within a transaction. [One] does one operation, [Run] several in one transaction:
//
//	s, err := op.Open(ctx, env, op.DB{Location: "key.ckdb"})
//	if err != nil { … }
//	defer s.Close()
//	made, err := op.One(ctx, s, issuing.Create{Label: "web", Spec: …})
//
//	var root, web issuing.Made
//	err = op.Run(ctx, s, "apply", op.Do(createRoot, &root), op.Do(createWeb, &web))
//
// In a dry run, and when there are several operations, each plan is first tried on an overlay in memory (kdb/memory), where the plans
// after it see its changes. So a chain of operations is checked before anything is written, and a dry run is the same without the end:
// its results say what would be done. A single operation needs no trial: the Update of a database takes no lock before it has
// found something to change.
//
// # How to write an operation
//
//   - A struct has the parameters and nothing else: no database, no path, and no password unless that is a parameter itself.
//   - Plan checks the parameters, reads with [Session.View], makes keys. It changes nothing outside, because a dry run plans, too.
//   - Apply gets a transaction and may run more than once. Its result says what it did; it finds out again what may have changed
//     since Plan (is the label still free?). An Apply that changes nothing leaves the file untouched.
//   - What has to happen outside the transaction is Before (a remote CA signs; the CA's own database records) or After (files are
//     written). Neither is called in a dry run.
//   - Errors are the types of errors.go, with the values in fields: [Missing], [Invalid], [Conflict], [Exists], [NotFound], or a
//     [Problem] with a [Code]. Front ends put them into their words (native: render.go). What several types wrap
//     decides the class of the error: [ErrUsage], kdb.ErrNotFound and so on.
//   - Its tests open a session of package optest: a database in memory, native, sealed or foreign.
//
// The command binds flags to the struct and calls native's one(c, env, &o) or reading(c, env, …); see commands/native/entries.go.
package op
