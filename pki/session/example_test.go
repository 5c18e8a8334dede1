package session_test

import (
	"fmt"

	"certkdb/pki/session"
)

func Example() {
	file := session.Parse(session.DsmSys, []byte(`
SErvername  depot
   TCPServeraddress       depot.example.com
   SSLACCEPTCERTFROMSERV  No
`))
	if err := file.Err(); err != nil {
		fmt.Println(err)
	}
	client, err := file.Client("DEPOT")
	if err != nil {
		fmt.Println(err)
		return
	}
	s := client.Session(session.Level{8, 1, 14}, session.Peer{Role: session.RoleServer, Level: session.Level{8, 1, 13}})
	fmt.Println(s.Outcome.Value, s.Versions.Value)
	for _, todo := range s.Todo {
		fmt.Println("to do:", todo.Text())
		fmt.Println("because:", todo.Because.Source().Text)
	}
	// Output:
	// refused TLS 1.2 to TLS 1.3
	// to do: obtain the peer's certificate, or its root, from a trusted source and add it to the key database
	// because: No: the client does not automatically accept a self-signed public certificate from the server when it first connects.
}

func ExampleUseCase_Steps() {
	client, _ := session.Parse(session.DsmSys, []byte("SERVERNAME a\nTCPSERVERADDRESS a.example.com\n")).Client("")
	facts := session.Facts{Client: client, Servers: []session.ServerFacts{{Name: "a", HasCertificate: true}}}
	for _, step := range session.UseCases()[5].Steps(facts) {
		fmt.Printf("%-8s %s\n", step.State, step.Text)
	}
	// Output:
	// done     Configure the client according to a new client installation.
	// to do    Use the client configuration wizard to set the SSLACCEPTCERTFROMSERV option with the value No.
	// done     Obtain the necessary certificate from a trusted source.
	// done     Use the dsmcert utility to import the certificate for client use.
	// optional Set the SSL parameter to the Yes value if encryption of all data transfers between the client and the server is needed.
}
