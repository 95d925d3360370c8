"""How each library is made to predict and learn a case; one module a library."""
