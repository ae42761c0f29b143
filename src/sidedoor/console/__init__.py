"""The web console: what the API answers, as pages for people, in English and Japanese (decision 0017).

``site`` is the HTTP side (signing in, sessions, headers); ``pages`` says what each page asks the API and shows; ``words`` has
the texts, ``templates`` the HTML. Nothing here reads the store: the console is a client of the API's operations.
"""
