"""Where is the cut between accepting the weak answer and deferring?"""
